"""Scores by a vLLM server: token ids go in, `prompt_logprobs` come out.

The server's own `/tokenize` cuts the texts, so token boundaries are those of `lm/boundary.py`. vLLM reads no prefix
cache for such requests (vLLM issue 28194), so a call costs its whole text.

    engine = VllmScores("hosted_vllm/qwen", api_base="http://127.0.0.1:8000/v1")
    await probe(engine)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel, Field

from lm.boundary import cut_ids, moved
from lm.openai_form import base_from_environment, model_error
from lm.score_calls import Calls, Post
from lm.scores import Item, OnRow, Row
from workbench.errors import ModelError, UsageError


class VllmScores:
    """An engine that posts one completion of one token per row."""

    def __init__(
        self, spec: str, *, timeout_s: float = 60.0, api_base: str | None = None, concurrency: int = 8
    ) -> None:
        """Nothing is sent.

        Args:
            spec: `provider/model`; the provider names the environment variables of the key and the address.
            timeout_s: from sending a request to its whole answer.
            api_base: the server's address, when it is not in the environment.
            concurrency: how many calls the server may get at once.

        Raises:
            UsageError: there is no address.
        """
        base = api_base or base_from_environment(spec)
        provider, _, self._model = spec.partition("/")
        if base is None:
            raise UsageError(f"{spec!r} has no address; give it with --api-base or {provider.upper()}_API_BASE")
        self.name = spec
        self.identity = f"{spec} at {base} prompt_logprobs"
        self._post = Post(spec, base, f"{provider.upper()}_API_KEY", timeout_s)
        self._calls = Calls(concurrency)

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        """Cut each item with the server's tokenizer; where nothing stands before y, its own first token must.

        Raises:
            ModelError: the server has no `/tokenize`, or its tokenizer begins no text with a token of its own.
        """
        pairs = [moved(item.context, item.y) for item in items]
        ids = await self._ids({"", *(context for context, _ in pairs), *(context + y for context, y in pairs)})
        rows = [Row(*cut_ids(ids[context], ids[context + y])) for context, y in pairs]
        bare = next((pair for pair, row in zip(pairs, rows, strict=True) if not row.context or not row.y), None)
        if bare is not None:
            raise ModelError(
                f"{self.name!r} has no token before {bare[1][:40]!r}; give it a context, a word at least",
                cause="request",
            )
        return rows

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        """Post each row.

        Raises:
            ModelError: no answer, or one without a log-probability for each token.
        """

        async def one(position: int, row: Row) -> None:
            on_row(position, await self._score(row))

        await self._calls.run([partial(one, position, row) for position, row in enumerate(rows)])

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def _ids(self, texts: set[str]) -> dict[str, tuple[int, ...]]:
        """Token ids by text; a text that already begins with the special token gets no second one."""
        ordered = sorted(texts)
        given = await self._calls.run([partial(self._tokenize, text) for text in ordered])
        ids = dict(zip(ordered, given, strict=True))
        start = ids[""]
        twice = [text for text, each in ids.items() if start and each[: 2 * len(start)] == start + start]
        return ids | {text: ids[text][len(start) :] for text in twice}

    async def _tokenize(self, text: str) -> tuple[int, ...]:
        answer = await self._post("/tokenize", {"model": self._model, "prompt": text}, at_root=True)
        try:
            return tuple(_Tokens.model_validate_json(answer).tokens)
        except ValueError:
            raise model_error(self.name, "request", "its /tokenize gives no tokens") from None

    async def _score(self, row: Row) -> tuple[float, ...]:
        ids = [*row.context, *row.y]
        body = {"model": self._model, "prompt": ids, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 1}
        answer = await self._post("/completions", body)
        try:
            given = _Completion.model_validate_json(answer).choices[0].prompt_logprobs or []
        except ValueError:
            raise model_error(self.name, "server", "its answer is no completion") from None
        if len(given) != len(ids):
            said = f"its prompt_logprobs are {len(given)} for {len(ids)} tokens, so it does not score what it is given"
            raise model_error(self.name, "request", said)
        start = len(row.context)
        chosen = [(each or {}).get(str(id_)) for each, id_ in zip(given[start:], ids[start:], strict=True)]
        if None in chosen or any(each is None for each in given[1:]):
            raise model_error(self.name, "request", "its prompt_logprobs leave out tokens after the first")
        return tuple(each.logprob for each in chosen if each is not None)


class _Tokens(BaseModel):
    tokens: list[int]


class _Logprob(BaseModel):
    logprob: float


class _Choice(BaseModel):
    prompt_logprobs: list[dict[str, _Logprob] | None] | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
