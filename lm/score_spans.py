"""Scores of parts of a text, read off the score of the whole: what a context does for an amount, not for the style.

(whole, (amount,)), = await score_spans(scorer, [Item(manual + question, " It costs 12 euros.")], [[(10, 18)]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lm.boundary import common_length
from lm.scores import Item, Row, Score, Scorer

Span = tuple[int, int]
"""Where a part of y starts and ends, in characters; white space before it is scored with it, as tokens are cut."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of y, and of its parts."""

    whole: Score
    parts: tuple[Score, ...]


async def score_spans(scorer: Scorer, items: Sequence[Item], spans: Sequence[Sequence[Span]]) -> list[Scored]:
    """Score each y once, and read its parts off; where only a server cuts tokens, parts are scored on their own.

    Args:
        scorer: the model.
        items: texts to score.
        spans: the parts of each y, none empty.

    Raises:
        ModelError: the engine failed.
    """
    cut = [(Item(i.context, i.y[:at]) if at else None) for i, at in _edges(items, spans)]
    rows = await scorer.engine.encode([*items, *(item for item in cut if item is not None)])
    if any(isinstance(row.y, str) for row in rows):
        return await _apart(scorer, items, spans)
    wholes, heads = rows[: len(items)], iter(rows[len(items) :])
    counts = iter([None if item is None else next(heads) for item in cut])
    scored = []
    for item, whole, score, own in zip(items, wholes, await scorer.score(items), spans, strict=True):
        parts = []
        for start, end in own:
            first, last = _count(whole, next(counts)), _count(whole, next(counts), covered=True)
            logprobs = score.logprobs[first : max(last, first + 1)]
            parts.append(
                Score(logprobs, len(item.y[len(item.y[:start].rstrip()) : end].encode(errors="surrogatepass")))
            )
        scored.append(Scored(score, tuple(parts)))
    return scored


def _edges(items: Sequence[Item], spans: Sequence[Sequence[Span]]) -> list[tuple[Item, int]]:
    """Each item with the characters before, and up to the end of, each of its parts."""
    return [
        (item, at)
        for item, own in zip(items, spans, strict=True)
        for start, end in own
        for at in (len(item.y[:start].rstrip()), end)
    ]


def _count(whole: Row, head: Row | None, *, covered: bool = False) -> int:
    """Tokens of y that a head of it has, the token in which it ends included where all of it is to be covered."""
    if head is None:
        return 0
    assert isinstance(whole.y, tuple)
    assert isinstance(head.y, tuple)
    if len(head.context) != len(whole.context):  # the head ends within the context's last token
        return 0
    shared = common_length(head.y, whole.y)
    return shared + (covered and shared < len(head.y))


async def _apart(scorer: Scorer, items: Sequence[Item], spans: Sequence[Sequence[Span]]) -> list[Scored]:
    """Score the parts one by one, each after what stands before it."""
    parts = []
    for item, own in zip(items, spans, strict=True):
        for start, end in own:
            head = item.y[:start].rstrip()
            parts.append(Item(item.context + head, item.y[len(head) : end]))
    scores = await scorer.score([*items, *parts])
    rest = iter(scores[len(items) :])
    return [
        Scored(score, tuple(next(rest) for _ in own)) for score, own in zip(scores[: len(items)], spans, strict=True)
    ]
