"""What a model answers with a manual at hand, for comparing with what the expert said.

answers = await Answers(road).write(pairs, [context_text(article)] * len(pairs))
"""

from __future__ import annotations

from collections.abc import Sequence

from lm.base import Reply, Request, to_messages
from lm.road import Road
from reer.gains import MAX_TURNS
from reer.pairs import Pair, conversation_text
from workbench.errors import ModelError
from workbench.prompts import packaged_prompt
from workbench.rendering import render

ANSWER_TOKENS = 80
"""Longest answer: what is said in half a minute."""
NO_MANUAL = "No manual."


class Answers:
    """Asks a chat model; its answer is plain text and is only ever compared."""

    def __init__(self, road: Road) -> None:
        """Ask over this road; answers are kept in its store."""
        self.road = road
        self._prompt = packaged_prompt("reer/reply")

    async def write(self, pairs: Sequence[Pair], manuals: Sequence[str]) -> list[str]:
        """An answer to each conversation with its manual (may be empty).

        Raises:
            ModelError: the model does not answer; an answer that is missing would look like a bad one.
            BudgetError: a cap is reached.
        """
        requests = [self._request(pair, manual) for pair, manual in zip(pairs, manuals, strict=True)]
        outcomes = await self.road.complete_all(requests)
        for outcome in outcomes:
            if isinstance(outcome, ModelError):
                raise outcome
        return [" ".join(outcome.text.split()) for outcome in outcomes if isinstance(outcome, Reply)]

    def _request(self, pair: Pair, manual: str) -> Request:
        inputs = {
            "manual": manual.rstrip() or NO_MANUAL,
            "conversation": conversation_text(pair.x[-MAX_TURNS:]).rstrip(),
        }
        return Request(to_messages(render(self._prompt, inputs)), max_tokens=ANSWER_TOKENS)
