"""The open-book exam: how much more likely an expert's replies to other customers become with the manual at hand.

The loss of a reply and of its slots (the part that must be right, where style does not count) is taken in nats per
token, on the same replies with each book. Where a model writes answers, they are compared with the replies too. Calls,
not replies, are resampled for the intervals.

    exam = set_exam(Shelf(articles, transcripts=pairs), test_pairs)
    report = await sit_exam(exam, Examiners(scorer), rng=rng)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lm.encoder import Encode
from lm.score_spans import score_spans
from lm.scores import Scorer
from reer.answers import Answers
from reer.books import Rote, Shelf, check_shelf, count_rote, match_by_rote, open_books
from reer.draft import count_words
from reer.gains import item_of
from reer.gate import by_call
from reer.pairs import Pair
from reer.similarity import Likeness, compare
from reer.slots import read_slots
from workbench.metrics import Tally
from workbench.stats import Interval, bootstrap_interval, paired_gain


@dataclass(frozen=True, slots=True)
class Exam:
    """Replies, and the books that are open before them."""

    pairs: Sequence[Pair]
    rote: Sequence[Rote]
    """The earlier reply that each is matched to by its question; empty without transcripts."""
    books: Mapping[str, Sequence[str]]
    """What is shown before each reply, by rung."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A model that answers, and how its answers are compared."""

    answers: Answers
    encode: Encode


@dataclass(frozen=True, slots=True)
class Examiners:
    """Who examines."""

    scorer: Scorer
    answered: Answered | None = None
    """None leaves answers out."""
    done: Callable[[str], None] = lambda rung: None
    """Told of each rung that is scored."""


def set_exam(shelf: Shelf, pairs: Sequence[Pair]) -> Exam:
    """Open the books.

    Args:
        shelf: the manual, and what it is compared with.
        pairs: the replies, of calls that the manual has not seen.

    Raises:
        UsageError: the exam would prove nothing.
    """
    check_shelf(shelf, pairs)
    rote = match_by_rote(shelf.transcripts, pairs) if shelf.transcripts else []
    return Exam(pairs, rote, open_books(shelf, pairs, rote))


async def sit_exam(exam: Exam, examiners: Examiners, *, rng: np.random.Generator) -> dict[str, Any]:
    """Score replies with each book.

    Args:
        exam: the replies and the books.
        examiners: the models.
        rng: for the intervals.

    Raises:
        ModelError: a model failed.
    """
    pairs = exam.pairs
    report: dict[str, Any] = {"pairs": len(pairs), "rungs": {}, "gains": {}}
    if exam.rote:
        report["rote"] = count_rote(exam.rote)
    losses = {}
    for rung, texts in exam.books.items():
        whole, slots = losses[rung] = await _losses(examiners.scorer, pairs, texts)
        report["rungs"][rung] = {
            "nll": _figure(whole, pairs, rng),
            "slot_nll": _figure(slots, pairs, rng),
            "tokens": round(sum(map(count_words, texts)) / len(texts)) if any(texts) else 0,
        }
        examiners.done(rung)
    for rung in losses:
        if rung != "manual":
            report["gains"][f"over_{rung}"] = {
                "nll": _saving(losses[rung][0], losses["manual"][0], pairs, rng),
                "slot_nll": _saving(losses[rung][1], losses["manual"][1], pairs, rng),
            }
    if examiners.answered is not None:
        await _compare_answers(report, exam, examiners.answered, rng)
    return report


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


async def _compare_answers(report: dict[str, Any], exam: Exam, answered: Answered, rng: np.random.Generator) -> None:
    """Add to each rung how like the expert's its answers are; by rote, the earlier reply is the answer."""
    pairs = exam.pairs
    replies = [pair.y for pair in pairs]
    similar: dict[str, list[Tally]] = {}
    for rung, texts in exam.books.items():
        said = [match.reply for match in exam.rote] if rung == "rote" else await answered.answers.write(pairs, texts)
        likeness = compare(said, replies, answered.encode)
        similar[rung] = [Tally(each.similarity, 1) for each in likeness]
        report["rungs"][rung] |= _likeness(likeness, pairs, rng)
    for rung, tallies in similar.items():
        if rung != "manual":
            gain = paired_gain(by_call(tallies, pairs), by_call(similar["manual"], pairs), rng=rng)
            report["gains"][f"over_{rung}"]["similarity"] = asdict(gain)


def _likeness(found: Sequence[Likeness], pairs: Sequence[Pair], rng: np.random.Generator) -> dict[str, Any]:
    return {
        "similarity": _figure([Tally(each.similarity, 1) for each in found], pairs, rng),
        "chrf": sum(each.chrf for each in found) / len(found),
        "cosine": sum(each.cosine for each in found) / len(found),
        "slots": {name: sum(getattr(each.slots, name) for each in found) for name in ("right", "wrong", "missing")},
    }


def _figure(tallies: Sequence[Tally], pairs: Sequence[Pair], rng: np.random.Generator) -> dict[str, Any] | None:
    """Mean with its interval over calls; None where there was nothing to count."""
    sample = by_call(tallies, pairs)
    return asdict(bootstrap_interval(sample.num, sample.den, rng=rng)) if sample.den.sum() else None


def _saving(
    before: Sequence[Tally], after: Sequence[Tally], pairs: Sequence[Pair], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Share of the loss that is saved, with its interval over calls; None where nothing was scored."""
    a, b = by_call(before, pairs), by_call(after, pairs)
    if not a.num.sum():
        return None
    left = bootstrap_interval(b.num, a.num, rng=rng)
    return asdict(Interval(1 - left.value, 1 - left.high, 1 - left.low, left.n, left.confidence))
