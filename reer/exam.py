"""The open-book exam: how much more likely an expert's replies to other customers become with the manual at hand.

Rungs, on the same replies: no book, a wrong article of the same manual, transcripts retrieved at the article's length,
and the right article. The loss of a reply and of its slots (the part that must be right) is counted in nats per token;
calls, not replies, are resampled for the intervals.

    report = await sit_exam(articles, test_pairs, scorer, transcripts=pairs, rng=rng)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lm.score_spans import score_spans
from lm.scores import Scorer
from reer.draft import count_words
from reer.gains import item_of
from reer.manual import Article, context_text
from reer.pairs import Pair, conversation_text
from reer.slots import read_slots
from workbench.errors import UsageError
from workbench.metrics import Tally
from workbench.nearest import Bm25
from workbench.stats import Interval, Sample, bootstrap_interval

RUNGS = ("none", "wrong", "transcripts", "manual")


async def sit_exam(
    articles: Mapping[str, Article],
    pairs: Sequence[Pair],
    scorer: Scorer,
    *,
    transcripts: Sequence[Pair],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Score replies with each book.

    Args:
        articles: of the manual, by category; at least two, for a wrong one.
        pairs: the replies, of calls that the manual has not seen.
        scorer: the model.
        transcripts: what a retriever may show instead; empty leaves that rung out.
        rng: for the intervals.

    Raises:
        UsageError: a reply is of no category of the manual, or there is no wrong article.
    """
    _check(articles, pairs)
    books = _books(articles, pairs, transcripts)
    losses = {rung: await _losses(scorer, pairs, texts) for rung, texts in books.items()}
    report: dict[str, Any] = {"pairs": len(pairs), "rungs": {}, "gains": {}}
    for rung, (whole, slots) in losses.items():
        report["rungs"][rung] = {"nll": _figure(whole, pairs, rng), "slot_nll": _figure(slots, pairs, rng)}
    for rung in losses:
        if rung != "manual":
            report["gains"][f"over_{rung}"] = {
                "nll": _saving(losses[rung][0], losses["manual"][0], pairs, rng),
                "slot_nll": _saving(losses[rung][1], losses["manual"][1], pairs, rng),
            }
    return report


def _check(articles: Mapping[str, Article], pairs: Sequence[Pair]) -> None:
    if len(articles) < 2:
        raise UsageError(f"the manual has {len(articles)} article; an exam needs a wrong one to compare with")
    seen = {source.conversation for article in articles.values() for source in article.sources}
    for pair in pairs:
        if pair.conversation in seen:
            raise UsageError(
                f"pair {pair.id!r} is of call {pair.conversation!r}, which the manual was built from; an exam"
                " needs calls that it has not seen"
            )
        if pair.category not in articles:
            raise UsageError(f"pair {pair.id!r} is of category {pair.category!r}, which has no article in the manual")


def _books(articles: Mapping[str, Article], pairs: Sequence[Pair], transcripts: Sequence[Pair]) -> dict[str, list[str]]:
    """What is shown before each reply, rung by rung."""
    names = list(articles)
    wrong = {name: articles[names[(place + len(names) // 2) % len(names)]] for place, name in enumerate(names)}
    categories = [str(pair.category) for pair in pairs]
    books = {
        "none": ["" for _ in pairs],
        "wrong": [context_text(wrong[name]) for name in categories],
        "manual": [context_text(articles[name]) for name in categories],
    }
    if transcripts:
        shelf = [conversation_text(pair.x[-1:]) + f"Agent: {pair.y}\n" for pair in transcripts]
        index = Bm25(shelf)
        lengths = [count_words(text) for text in books["manual"]]
        calls = [pair.conversation for pair in transcripts]
        for pair, length in zip(pairs, lengths, strict=True):
            own = [place for place, call in enumerate(calls) if call == pair.conversation]
            nearest = index.top(conversation_text(pair.x[-1:]), len(shelf), exclude=own)
            books.setdefault("transcripts", []).append(_fitting([shelf[place] for place in nearest], length))
    return {rung: books[rung] for rung in RUNGS if rung in books}


def _fitting(nearest: Sequence[str], length: int) -> str:
    """The nearest transcripts that fit into a length, the nearest last."""
    taken: list[str] = []
    left = length
    for text in nearest:
        if count_words(text) <= left:
            taken.append(text)
            left -= count_words(text)
    return "".join(f"Earlier call\n{text}" for text in reversed(taken))


async def _losses(scorer: Scorer, pairs: Sequence[Pair], books: Sequence[str]) -> tuple[list[Tally], list[Tally]]:
    """Loss and tokens of each reply, and of its slots given what stands before them."""
    whole = [item_of(pair, book) for pair, book in zip(pairs, books, strict=True)]
    spans = [[(slot.start, slot.end) for slot in read_slots(item.y)] for item in whole]
    scored = await score_spans(scorer, whole, spans)
    replies = [Tally(-each.whole.total, len(each.whole.logprobs)) for each in scored]
    slots = [
        Tally(-sum(part.total for part in each.parts), sum(len(part.logprobs) for part in each.parts))
        for each in scored
    ]
    return replies, slots


def _by_call(tallies: Sequence[Tally], pairs: Sequence[Pair]) -> Sample:
    """Tallies summed over the replies of a call: replies of one call are no independent witnesses."""
    calls: dict[str, list[Tally]] = {}
    for pair, tally in zip(pairs, tallies, strict=True):
        calls.setdefault(pair.conversation, []).append(tally)
    return Sample.of(Tally(sum(t.num for t in group), sum(t.den for t in group)) for group in calls.values())


def _figure(tallies: Sequence[Tally], pairs: Sequence[Pair], rng: np.random.Generator) -> dict[str, Any] | None:
    """Nats per token; None where nothing was scored."""
    sample = _by_call(tallies, pairs)
    return asdict(bootstrap_interval(sample.num, sample.den, rng=rng)) if sample.den.sum() else None


def _saving(
    before: Sequence[Tally], after: Sequence[Tally], pairs: Sequence[Pair], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Share of the loss that is saved, with its interval over calls; None where nothing was scored."""
    a, b = _by_call(before, pairs), _by_call(after, pairs)
    if not a.num.sum():
        return None
    left = bootstrap_interval(b.num, a.num, rng=rng)
    return asdict(Interval(1 - left.value, 1 - left.high, 1 - left.low, left.n, left.confidence))
