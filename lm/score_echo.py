"""Scores by a server of text completions that repeats the prompt (`echo`) with its log-probabilities, through LiteLLM.

Only the server knows its tokens, so y is found by its place in the text: its first token is the first that holds some
of y. Few providers still do this, and some take the request and ignore it: `lm/score_probe.py` finds out which.

    engine = EchoScores("fireworks_ai/NAME")
    await probe(engine)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import anyio

from lm.boundary import moved
from lm.hosted import cause_of, load_litellm, retry_after_of
from lm.openai_form import base_from_environment, model_error, one_line, timeout_error
from lm.score_calls import Calls
from lm.scores import Item, OnRow, Row
from workbench.errors import ModelError


class EchoScores:
    """An engine that asks for one completion of one token per row."""

    def __init__(
        self, spec: str, *, timeout_s: float = 60.0, api_base: str | None = None, concurrency: int = 8
    ) -> None:
        """Load LiteLLM, which takes seconds; nothing is sent.

        Args:
            spec: LiteLLM's name of the model, `provider/model`.
            timeout_s: from sending a request to its whole answer.
            api_base: the server's address, when it is not the provider's own.
            concurrency: how many calls the server may get at once.
        """
        self.name = spec
        self.timeout_s = timeout_s
        self.api_base = api_base or base_from_environment(spec)
        self.identity = f"{spec} at {self.api_base} echo"
        self._litellm = load_litellm()
        self._calls = Calls(concurrency)

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        """Move white space from contexts to y; texts stay text.

        Raises:
            ModelError: an item has no context, so that its first token would have no log-probability.
        """
        rows = [Row(*moved(item.context, item.y)) for item in items]
        bare = next((row for row in rows if not row.context), None)
        if bare is not None:
            raise ModelError(
                f"{self.name!r} gives a text's first token no log-probability; give {str(bare.y)[:40]!r} a context",
                cause="request",
            )
        return rows

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        """Ask for each row.

        Raises:
            ModelError: no answer, or one without a log-probability for each token.
        """

        async def one(position: int, row: Row) -> None:
            on_row(position, await self._score(str(row.context), str(row.y)))

        await self._calls.run([partial(one, position, row) for position, row in enumerate(rows)])

    async def aclose(self) -> None:
        """LiteLLM's connections are shared by the process; `lm/hosted.py` closes them."""

    async def _score(self, context: str, y: str) -> tuple[float, ...]:
        arguments: dict[str, Any] = {
            "model": self.name,
            "prompt": context + y,
            "echo": True,
            "logprobs": 1,
            "max_tokens": 1,
            "temperature": 0.0,
            "drop_params": True,  # a provider that knows no echo is refused for what it answers
            "num_retries": 0,
            "max_retries": 0,
            "timeout": 2 * self.timeout_s,  # the limit below is the one that counts
        }
        if self.api_base:
            arguments["api_base"] = self.api_base
        try:
            with anyio.fail_after(self.timeout_s):
                response = await self._litellm.atext_completion(**arguments)
        except TimeoutError:
            raise timeout_error(self.name, self.timeout_s) from None
        except Exception as exc:  # noqa: BLE001 - LiteLLM's many errors become ours
            said = one_line(str(exc), type(exc).__name__)
            cause = cause_of(self._litellm, exc)
            raise model_error(self.name, cause, said, retry_after_s=retry_after_of(exc)) from None
        try:
            return logprobs_of_y(response.choices[0].logprobs, context, y)
        except ValueError as exc:
            raise model_error(self.name, "request", f"{exc}, so it does not score what it is given") from None


def logprobs_of_y(given: Any, context: str, y: str) -> tuple[float, ...]:
    """Log-probabilities of the tokens that hold some of y.

    Args:
        given: OpenAI's form: `tokens` and `token_logprobs` of the prompt, and of the token that was generated after it.
        context: what the prompt starts with.
        y: what it ends with.

    Raises:
        ValueError: they do not spell the prompt, or a token but the first has no log-probability.
    """
    tokens, logprobs = _field(given, "tokens"), _field(given, "token_logprobs")
    if not tokens or len(tokens) != len(logprobs):
        raise ValueError(f"it echoes {len(tokens)} tokens with {len(logprobs)} log-probabilities")
    ends = list(accumulate(len(token) for token in tokens))
    at = "".join(tokens).find(context + y)  # a special token may stand before the text
    if at < 0 or at + len(context + y) not in ends:
        raise ValueError(f"the {len(tokens)} tokens that it echoes do not spell the prompt")
    first = next(n for n, end in enumerate(ends) if end > at + len(context))
    last = ends.index(at + len(context + y))
    if not first or None in logprobs[1 : last + 1]:
        raise ValueError("tokens after the first have no log-probability")
    return tuple(float(each) for each in logprobs[first : last + 1])


def _field(given: Any, name: str) -> list[Any]:
    value = given.get(name) if isinstance(given, dict) else getattr(given, name, None)
    return list(value or [])
