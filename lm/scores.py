"""How likely a model finds a text after another: log p(y | context), token by token, for many at once.

The score of an answer tells what a context is worth, without a judge and without generating: a trace, a fact or a
manual that makes the expert's answer more likely holds something of what the expert knew (Wang et al. 2025,
"Reverse-Engineered Reasoning", arXiv 2509.06160). Here every token of y counts; their released code takes the first
paragraph of y as given, which leaves one newline of a reply of one paragraph.

    scorer = await open_scorer("embedded")
    with_manual, without = await scorer.score([Item(manual + question, answer), Item(question, answer)])
    gain(with_manual, without)  # nats per token
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lm.score_cache import ScoreCache
from workbench.errors import ModelError, UsageError

CLIP_NATS = 2.0
"""The most that one token may count in `clipped_nll`; the released code of REER has the same."""
ROUNDING_NATS = 1e-3
"""How far above 0 rounding may lift a log-probability."""

Text = tuple[int, ...] | str
"""Token ids, or the characters where only a server knows its tokenizer."""


@dataclass(frozen=True, slots=True)
class Item:
    """A text to score and what stands before it; what contexts share is found, not declared."""

    context: str
    """May be empty: then y starts the text."""
    y: str

    def __post_init__(self) -> None:
        """Refuse a text without a token."""
        if not self.y:
            raise UsageError("there is nothing to score in an empty y; leave the item out")


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probabilities of one y in nats, one per token; white space that ended the context counts to y."""

    logprobs: tuple[float, ...]
    n_bytes: int
    """UTF-8 bytes of what was scored, the same for every tokenizer."""

    @property
    def total(self) -> float:
        """Log-probability of the whole y in nats."""
        return math.fsum(self.logprobs)

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood in nats per token; its exponential is the perplexity."""
        return -self.total / len(self.logprobs)

    @property
    def clipped_nll(self) -> float:
        """As `nll`, each token counting at most 2 nats: rare names weigh less, but so do wrong amounts and dates."""
        return math.fsum(min(-each, CLIP_NATS) for each in self.logprobs) / len(self.logprobs)

    @property
    def bits_per_byte(self) -> float:
        """Bits per UTF-8 byte, which compares models with different tokenizers."""
        return -self.total / math.log(2) / self.n_bytes


def gain(score: Score, without: Score) -> float:
    """What a context saves on y, in nats per token of y without it; above 0 it helps.

    The sums are compared, so it also holds where the two contexts cut the first word of y differently.
    """
    return (score.total - without.total) / len(without.logprobs)


@dataclass(frozen=True, slots=True)
class Row:
    """An item as an engine sees it."""

    context: Text
    y: Text


OnRow = Callable[[int, tuple[float, ...]], None]
"""Told of each row's position and log-probabilities as soon as they are there; may be called from any thread."""


class ScoreEngine(Protocol):
    """A way to score rows. Raises `ModelError`, nothing else."""

    name: str
    identity: str
    """All that decides its log-probabilities besides the row: model, weights or address, tokenizer, precision."""

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        """Cut each item into context and y, with at least one token of context."""
        ...

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        """Score each row once."""
        ...

    async def aclose(self) -> None:
        """Free what the engine holds."""
        ...


class Scorer:
    """Scores items on an engine; equal items are scored once, and kept ones not again."""

    def __init__(self, engine: ScoreEngine, *, cache: ScoreCache | None = None) -> None:
        """Without a cache, nothing is kept."""
        self.engine = engine
        self.cache = cache

    async def score(self, items: Sequence[Item]) -> list[Score]:
        """Scores in the order of the items; each is kept as soon as it is there, so a killed run goes on from there.

        Raises:
            ModelError: the engine failed, or gave what cannot be log-probabilities.
            DataError: the cache cannot be read or written.
        """
        rows = await self.engine.encode(items)
        keys = [row_key(self.engine.identity, row) for row in rows]
        found = {} if self.cache is None else dict(self.cache.get(keys))
        missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in found}
        order = list(missing)

        def keep(position: int, logprobs: tuple[float, ...]) -> None:
            key = order[position]
            found[key] = checked(self.engine.name, missing[key], logprobs)
            if self.cache is not None:
                self.cache.put(key, logprobs)

        if missing:
            await self.engine.score(list(missing.values()), keep)
        return [Score(found[key], scored_bytes(item)) for key, item in zip(keys, items, strict=True)]

    async def aclose(self) -> None:
        """Free what the engine holds; the cache stays open, others may share it."""
        await self.engine.aclose()


def row_key(identity: str, row: Row) -> str:
    """Hash of all that decides a row's log-probabilities."""
    return hashlib.sha256(json.dumps([identity, row.context, row.y]).encode()).hexdigest()


def scored_bytes(item: Item) -> int:
    """UTF-8 bytes of y and of the white space that moves to it from the end of the context."""
    return len((item.context[len(item.context.rstrip()) :] + item.y).encode(errors="surrogatepass"))


def checked(name: str, row: Row, logprobs: tuple[float, ...]) -> tuple[float, ...]:
    """Log-probabilities that can be some: one per token, finite, none above 0.

    Raises:
        ModelError: they cannot.
    """
    expected = len(row.y) if isinstance(row.y, tuple) else max(1, len(logprobs))
    wrong = next((each for each in logprobs if not math.isfinite(each) or each > ROUNDING_NATS), None)
    if len(logprobs) != expected:
        said = f"gave {len(logprobs)} log-probabilities for {expected} tokens"
    elif wrong is not None:
        said = f"gave {wrong!r} as a log-probability"
    else:
        return logprobs
    raise ModelError(f"{name!r} {said}; use another engine or a higher precision", cause="server")
