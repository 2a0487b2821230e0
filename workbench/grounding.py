"""Place string answers in a text: every whole-word occurrence becomes a span, and what does not occur is kept.

A model that extracts names answers with strings; scoring, training and review need character offsets. The one
invariant: the spans of a `Grounding` never overlap, and every answer that occurs nowhere is in `ungrounded`.

    grounding = ground("Apple sued Apple Bank.", ["Apple", "Apple Bank", "Nokia"], label="company")
    [span.text for span in grounding.spans]     # ['Apple', 'Apple Bank']
    grounding.ungrounded                        # ('Nokia',)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.documents import Span

_UNSPACED = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Han, kana and Hangul: scripts that put no space around a name, or attach particles to it."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """Where the answers are, and which are nowhere."""

    spans: tuple[Span, ...]
    """In reading order, none overlapping another."""
    ungrounded: tuple[str, ...]
    """Distinct answers that occur nowhere as whole words, in the order given; a blank answer is `''`."""


def ground(text: str, answers: Sequence[str], *, label: str) -> Grounding:
    """Place every whole-word, case-sensitive occurrence of every answer; longer occurrences claim their text first.

    Answers are stripped and repeats collapse, so the result depends on the set of answers and not on their order
    (between occurrences of one length, the leftmost wins). An answer that occurs, but only inside text that longer
    answers have claimed, is *covered*: neither a span nor ungrounded. The text does contain it, so it is no
    invention, and a longer answer already speaks for those characters; it can gain nothing and costs nothing.

    Characters are compared as they are: no Unicode normalisation, no mapping of curly to straight quotes.
    """
    wanted = tuple(dict.fromkeys(answer.strip() for answer in answers))
    places = {answer: tuple(_occurrences(text, answer)) for answer in wanted}
    candidates = [(start, start + len(answer)) for answer, starts in places.items() for start in starts]
    spans: list[Span] = []
    claimed = bytearray(len(text))
    for start, end in sorted(candidates, key=lambda place: (place[0] - place[1], place[0])):
        if not any(claimed[start:end]):
            claimed[start:end] = b"\x01" * (end - start)
            spans.append(Span(start, end, label, text[start:end]))
    return Grounding(
        spans=tuple(sorted(spans, key=lambda span: span.start)),
        ungrounded=tuple(answer for answer in wanted if not places[answer]),
    )


def _occurrences(text: str, answer: str) -> Iterator[int]:
    """Yield the start of each whole-word occurrence, overlapping ones included; a blank answer has none."""
    start = text.find(answer) if answer else -1
    while start >= 0:
        if _is_boundary(text, start) and _is_boundary(text, start + len(answer)):
            yield start
        start = text.find(answer, start + 1)


def _is_boundary(text: str, index: int) -> bool:
    """Whether a word may begin or end between `text[index - 1]` and `text[index]`.

    It may, unless both are word characters; so `Yahoo!` and `C&A` need no special care. Next to a character of an
    unspaced script it always may. A combining mark is never split from its letter.
    """
    if index in (0, len(text)):
        return True
    before, after = text[index - 1], text[index]
    if unicodedata.category(after).startswith("M"):
        return False
    if _UNSPACED.match(before) or _UNSPACED.match(after):
        return True
    return not (_is_word(before) and _is_word(after))


def _is_word(char: str) -> bool:
    """Letters, digits, underscore, and the marks that combine with them."""
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
