"""A scripted model for unit tests: replies come from a function, a list or a dict, never from a model.

It ships with the package so that whoever extends it can test offline. Nothing it answers says anything about quality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import anyio

from lm.base import Reply, Request, Usage
from workbench.errors import ModelError

Answer = str | ModelError


class Scripted:
    """An engine for unit tests only; a scripted `ModelError` is raised."""

    def __init__(
        self,
        answer: Callable[[Request], Answer] | Sequence[Answer] | Mapping[str, Answer],
        *,
        slots: int = 4,
        latency_s: float = 0.0,
    ) -> None:
        """Script the answers.

        Args:
            answer: a function of the request, a list used up in order of arrival, or a dict by last user message.
            slots: how many calls it serves at once.
            latency_s: seconds each call takes.
        """
        self.name = "scripted"
        self.slots = slots
        self.copies = True
        self.calls = 0
        """Calls received so far, failed ones included."""
        self._answer = answer
        self._latency_s = latency_s

    async def complete(self, request: Request) -> Reply:
        """Answer from the script; tokens are counted as words and cost nothing.

        Raises:
            ModelError: scripted, or the script has no answer left.
        """
        position = self.calls
        self.calls += 1
        await anyio.sleep(self._latency_s)
        answer = self._look_up(request, position)
        if isinstance(answer, ModelError):
            raise answer
        words = sum(len(message.content.split()) for message in request.messages)
        usage = Usage(prompt_tokens=words, completion_tokens=len(answer.split()), cost_usd=0.0)
        return Reply(text=answer, usage=usage, latency_s=self._latency_s, model=self.name)

    async def aclose(self) -> None:
        """Nothing to free."""

    def _look_up(self, request: Request, position: int) -> Answer:
        if callable(self._answer):
            return self._answer(request)
        if isinstance(self._answer, Mapping):
            asked = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
            missing = ModelError(f"the script has no answer to {asked!r}; add that key", cause="request")
            return self._answer.get(asked, missing)
        if position < len(self._answer):
            return self._answer[position]
        return ModelError(f"the script has {len(self._answer)} answers, call {position + 1} has none", cause="request")
