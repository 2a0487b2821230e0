"""What a trace must not be, read by code: too short, in one piece, repetitive, still thinking, or a copy of the reply.

The reply is short and its writer sees it, so copying it would make it as likely as can be and teach nothing. How much
of it returns in the trace is measured and capped; what is left of the temptation, the gain on other replies tells.

    fault(("The card is lost. ", "A new one ..."), "I've blocked it, a new one ...", max_overlap=0.3)  # "too-short"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from workbench.nearest import tokenize

Fault = Literal["too-short", "one-segment", "repetitive", "still-thinking", "copies"]

NGRAM = 4
"""Words that make a copy when they return in a row; shorter rows are names, amounts and terms, which should return."""
MIN_WORDS = 20
"""REER refuses traces below 100 tokens, for replies of pages. A reply of one paragraph needs two steps of a sentence;
fewer words than these say the question again and nothing else."""
MAX_REPETITION = 0.3
REPEATED_WORDS, TOP = 3, 3
"""Length of the n-grams that repetition is counted in, and how many of the most frequent are looked at."""
TAIL = 0.1
"""The part at the end of a trace in which its writer must have come to a conclusion."""
MIN_TAIL_CHARACTERS = 60
"""A tenth of a short trace is a word or two."""

_THINKING = re.compile(
    r"\b(?:hmm+|maybe|perhaps|let me|let's (?:see|think|check)|not sure|hold on|i wonder|on second thought)\b"
    r"|\bwait\b(?=\s*[,.!?…-])|\?\s*$|？\s*$|嗯|也许|或许|等一下|让我[想看再]|想一想|不确定",
    re.IGNORECASE,
)


def fault(segments: Sequence[str], reply: str, *, max_overlap: float) -> Fault | None:
    """The first thing that is wrong with a trace of a reply; None when nothing is."""
    trace = "".join(segments)
    if len(tokenize(trace)) < MIN_WORDS:
        return "too-short"
    if len(segments) < 2:
        return "one-segment"
    if repetition(trace) > MAX_REPETITION:
        return "repetitive"
    if is_thinking(trace):
        return "still-thinking"
    return "copies" if overlap(trace, reply) > max_overlap else None


def overlap(trace: str, reply: str) -> float:
    """Share of the reply's n-grams that stand in the trace, 0 to 1; the whole reply is one where it is shorter."""
    words = tokenize(reply)
    n = min(NGRAM, len(words))
    if not n:
        return 0.0
    known = set(_ngrams(tokenize(trace), n))
    wanted = _ngrams(words, n)
    return sum(ngram in known for ngram in wanted) / len(wanted)


def repetition(text: str) -> float:
    """Share of a text's n-grams that repeat, 0 to 1: the larger of two measures.

    The paper's is the share of the three most frequent n-grams; those that occur once do not count here, or each short
    text would be repetitive. It misses a long sentence said over and over, which the share of n-grams that occurred
    before does not.
    """
    counts = Counter(_ngrams(tokenize(text), REPEATED_WORDS))
    total = counts.total()
    if not total:
        return 0.0
    top = sum(count for _, count in counts.most_common(TOP) if count > 1)
    return max(top, total - len(counts)) / total


def is_thinking(text: str) -> bool:
    """Whether the end of a text has not come to a conclusion: wait, hmm, maybe, let me, a question."""
    text = text.strip()
    tail = max(round(len(text) * TAIL), MIN_TAIL_CHARACTERS)
    return _THINKING.search(text[-tail:]) is not None


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
