"""Score string answers against a document, so that every corpus figure is a ratio of sums over documents.

A metric returns one `Tally(num, den)` per document; the corpus figure is `sum(num) / sum(den)`. For F1 that is the
micro-F1, `sum(2 tp) / sum(2 tp + fp + fn)`; for a score in 0..1 it is the mean. A mean of per-document F1 is
deliberately absent: where many documents hold nothing, it rewards answering nothing everywhere. Because the tallies
are kept per document, `workbench.stats` can resample documents.

    tallies = [METRICS["strings"].tally(document, answers) for document, answers in scored]
    ratio(tallies)
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from workbench.documents import Document, Span
from workbench.errors import DataError
from workbench.grounding import Grounding, ground

Kind = Literal["f1", "mean"]


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives; they add across documents, `Counts()` is the zero.

    With nothing to find and nothing claimed, precision, recall and F1 are 1.0. Any other 0/0 is 0.0: claiming
    nothing where something was to be found is no precision, and finding none of nothing while claiming is no recall.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Share of the claims that are right."""
        return self._share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the gold that is found."""
        return self._share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return self._share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def _share(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 0.0 if self.fp or self.fn else 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """One document's share in a ratio of sums."""

    num: float
    den: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A named way to score the answers given for one document; higher is better, 1.0 is perfect."""

    name: str
    kind: Kind
    measure: Callable[[Document, Sequence[str]], Counts | float]
    """Counts for kind `f1`, a score in 0..1 for kind `mean`."""

    def tally(self, document: Document, answers: Sequence[str]) -> Tally:
        """Score one document as a numerator and a denominator that add across documents."""
        measured = self.measure(document, answers)
        if isinstance(measured, Counts):
            return Tally(2.0 * measured.tp, 2.0 * measured.tp + measured.fp + measured.fn)
        return Tally(measured, 1.0)


def ratio(tallies: Iterable[Tally]) -> float:
    """Corpus figure: sum of numerators over sum of denominators; 1.0 where nothing was to find and nothing claimed.

    Raises:
        DataError: there is no tally at all, which is missing data and not a perfect score.
    """
    kept = tuple(tallies)
    if not kept:
        raise DataError("no scored document, so there is no corpus figure; check that the model answered at all")
    den = sum(tally.den for tally in kept)
    return sum(tally.num for tally in kept) / den if den else 1.0


def gold_answers(document: Document) -> tuple[str, ...]:
    """The answers a perfect model gives, stripped: `meta['answers']` where present, else the distinct span texts."""
    answers = document.meta.get("answers")
    if answers is None:
        return tuple(text.strip() for text in document.strings())
    if isinstance(answers, str) or not all(isinstance(answer, str) for answer in answers):
        raise DataError(f"document {document.id!r}: meta 'answers' is {answers!r}; give a list of strings")
    return tuple(answer.strip() for answer in answers)


def match_spans(gold: Iterable[Span], claimed: Iterable[Span]) -> Counts:
    """Strict match: start, end and label."""
    return _match_sets({(s.start, s.end, s.label) for s in gold}, {(s.start, s.end, s.label) for s in claimed})


def match_boundaries(gold: Iterable[Span], claimed: Iterable[Span]) -> Counts:
    """Exact boundaries; labels are ignored, spans at one place count once."""
    return _match_sets({(s.start, s.end) for s in gold}, {(s.start, s.end) for s in claimed})


def match_overlaps(gold: Iterable[Span], claimed: Iterable[Span]) -> Counts:
    """Most one-to-one pairs of a claimed and a gold place that share a character; labels are ignored.

    Claimed spans must not overlap each other (grounded answers never do). The gold spans that one of them can take
    then form runs along the text, so giving each claim the open gold span that ends first is optimal
    (Glover 1967, maximum matching in a convex bipartite graph).
    """
    open_gold = sorted({(s.end, s.start) for s in gold})
    places = sorted({(s.start, s.end) for s in claimed})
    n_gold = len(open_gold)
    for start, end in places:
        taken = next((g for g in open_gold if g[1] < end and start < g[0]), None)
        if taken is not None:
            open_gold.remove(taken)
    tp = n_gold - len(open_gold)
    return Counts(tp, len(places) - tp, n_gold - tp)


def count_strings(document: Document, answers: Sequence[str], *, labels: Collection[str] | None = None) -> Counts:
    """Set of answers against the set of gold span texts; an ungrounded answer is a false positive like any other."""
    return _match_sets({s.text.strip() for s in _gold(document, labels)}, {answer.strip() for answer in answers})


def count_spans(document: Document, answers: Sequence[str], *, labels: Collection[str] | None = None) -> Counts:
    """Strict spans of the grounded answers; every ungrounded answer is a false positive.

    A string carries no label, so a claim takes the label that gold gives its place; where gold has two there,
    one of them stays missed.
    """
    gold, grounding = _gold(document, labels), _ground(document, answers)
    label_at = {(s.start, s.end): s.label for s in gold}
    claimed = [replace(s, label=label_at.get((s.start, s.end), s.label)) for s in grounding.spans]
    return match_spans(gold, claimed) + Counts(fp=len(grounding.ungrounded))


def count_boundaries(document: Document, answers: Sequence[str], *, labels: Collection[str] | None = None) -> Counts:
    """Exact boundaries of the grounded answers; every ungrounded answer is a false positive."""
    grounding = _ground(document, answers)
    return match_boundaries(_gold(document, labels), grounding.spans) + Counts(fp=len(grounding.ungrounded))


def count_overlaps(document: Document, answers: Sequence[str], *, labels: Collection[str] | None = None) -> Counts:
    """Overlapping places of the grounded answers; every ungrounded answer is a false positive."""
    grounding = _ground(document, answers)
    return match_overlaps(_gold(document, labels), grounding.spans) + Counts(fp=len(grounding.ungrounded))


def count_names(document: Document, answers: Sequence[str], *, labels: Collection[str] | None = None) -> Counts:
    """Set of answers against the gold spans' normalized names (their text where none is known), both simplified."""
    gold = {simplify_name(s.text if s.normalized is None else s.normalized) for s in _gold(document, labels)}
    return _match_sets(gold, {simplify_name(answer) for answer in answers})


def score_exact(document: Document, answers: Sequence[str]) -> float:
    """1.0 if the stripped answers equal the gold answers in their order, else 0.0."""
    return float(tuple(answer.strip() for answer in answers) == gold_answers(document))


def score_token_set(document: Document, answers: Sequence[str]) -> float:
    """Jaccard similarity of the casefolded word sets of gold and answers; 1.0 when both hold no word."""
    gold, claimed = _words(gold_answers(document)), _words(answers)
    union = gold | claimed
    return len(gold & claimed) / len(union) if union else 1.0


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("strings", "f1", count_strings),
        Metric("spans", "f1", count_spans),
        Metric("boundary", "f1", count_boundaries),
        Metric("overlap", "f1", count_overlaps),
        Metric("normalized", "f1", count_names),
        Metric("exact", "mean", score_exact),
        Metric("token_set", "mean", score_token_set),
    )
}
"""Every metric a task file can name."""

_BASELINE_STRINGS = 5


def constant_baseline(metric: Metric, documents: Sequence[Document]) -> tuple[tuple[str, ...], float]:
    """Best corpus score that one and the same answer for every document gets, and that answer.

    Tried are no answer, the 1 to 5 most frequent gold strings together, and the most frequent whole gold answer.
    A model that scores no better has learned nothing about the texts. Of equal scores the shorter answer is given.

    Raises:
        DataError: `documents` is empty.
    """
    golds = [gold_answers(document) for document in documents]
    counted = Counter(string for gold in golds for string in dict.fromkeys(gold)).most_common(_BASELINE_STRINGS)
    frequent = tuple(string for string, _ in counted)
    candidates = [frequent[:k] for k in range(len(frequent) + 1)]
    candidates += [gold for gold, _ in Counter(golds).most_common(1)]
    scored = [(ratio(metric.tally(document, answer) for document in documents), answer) for answer in candidates]
    score, answer = max(scored, key=lambda pair: (pair[0], -len(pair[1])))
    return answer, score


# fmt: off
_LEGAL_SUFFIXES = frozenset({
    "ab", "ag", "as", "asa", "bhd", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "kg",
    "kgaa", "kk", "limited", "llc", "llp", "lp", "ltd", "nv", "oy", "oyj", "plc", "pte", "pty", "sa", "sarl", "sas",
    "sdn", "se", "spa", "srl",
})
# fmt: on


def simplify_name(name: str) -> str:
    """Casefold a company name, collapse its white space and drop trailing legal forms: `Apple, Inc.` is `apple`.

    The first word always stays, and an `&` or `and` at the end goes too (`Tiffany & Co.`).
    """
    words = unicodedata.normalize("NFKC", name).casefold().split()
    while len(words) > 1 and _is_droppable(words[-1]):
        words.pop()
    return " ".join(words).rstrip(",")


def _is_droppable(word: str) -> bool:
    """Whether a casefolded last word is a legal form, however it is dotted (`s.p.a.`, `a/s`), or a bare connector."""
    return word in {"&", "and"} or re.sub(r"[.,/()]", "", word) in _LEGAL_SUFFIXES | {""}


def _match_sets(gold: Collection[Hashable], claimed: Collection[Hashable]) -> Counts:
    tp = len(set(gold) & set(claimed))
    return Counts(tp, len(claimed) - tp, len(gold) - tp)


def _gold(document: Document, labels: Collection[str] | None) -> tuple[Span, ...]:
    return tuple(span for span in document.spans if labels is None or span.label in labels)


def _ground(document: Document, answers: Sequence[str]) -> Grounding:
    return ground(document.text, answers, label="")


def _words(texts: Iterable[str]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(texts).casefold()))
