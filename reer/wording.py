"""What code can hold against a sentence that a model wrote: its form, and values and turns that its basis lacks.

A sentence that stands here says nothing that a check of values, bounds, denials and words can see to be wrong. It may
still be: two conditions that changed places keep all their words.

    form_fault("Pay **12 euros**.")                                   # "markup"
    value_fault("A new card costs 15 euros.", "It's 12 euros.")       # "value"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from reer.lint_bounds import Bound, bound_of
from reer.lint_values import currencies, same_measure
from reer.slots import THINGS, Slot, contents, read_slots

Fault = Literal["markup", "question", "first-person", "value", "bound", "denial"]

_MARKUP = re.compile(r"[<>`\[\]{}|*#\\~^]|__|://|\bwww\.|\S@\S|[\n\r\u2028\u2029]")
_START = re.compile(r"[^\W_]|[\"“”'‘(€$£¥《「『]")
"""A claim begins with a word, never with the mark of a list or a heading."""
_FIRST_PERSON = re.compile(
    r"\bI(?:'(?:m|ve|ll|d))?\b(?![./]|\s*[-&])|\b(?!US\b)(?i:me|my|mine|myself|we|us|our|ours|ourselves)\b"
    r"|[我咱俺]|本人|本行"
)
_IDLE = re.compile(
    r"don't worry|no worries|no problem|not at all|not to worry|never mind|feel free"
    r"|\b(?:no|not) (?:more|less|longer|later|earlier|fewer|older|younger) than\b"
    r"|(?:n't|\b(?:not|never))\b[^.;,]{0,30}\b(?:more than|over|above|beyond)\b"
    r"|别担心|没关系|没问题|不超过|不少于|不低于",
    re.IGNORECASE,
)
"""Words that deny nothing: comfort, and bounds, which are compared on their own."""
_DENIAL = re.compile(
    r"\b(?:no|not|never|nothing|nobody|none|neither|nor|cannot|without|free|waived?|unless|except|exempt|forbidden"
    r"|impossible|refused?|rejected|declined)\b|n't\b|[不没无免未勿]|除非|禁止",
    re.IGNORECASE,
)
_NOT_MORE = re.compile(
    r"(?:n't|\b(?:not|never|nobody|no))\b[^.;,]{0,30}\b(?:more than|over|above|beyond)\b[^.;,]{0,28}$", re.IGNORECASE
)
PER = "per "
"""What a loose value that recurs begins with."""
_ORDINAL = re.compile(r"\b(?:first|second|third|fourth|fifth|sixth|tenth|\d+(?:st|nd|rd|th))\b", re.IGNORECASE)
_PERIOD = re.compile(
    r"\b(?:(?:a|an|per|each|every|once a) (?:single |calendar )?(day|week|month|quarter|year)"
    r"|(daily|weekly|monthly|quarterly|yearly|annual|annually))\b",
    re.IGNORECASE,
)
_PERIOD_OF = {
    word: f"{PER}{words[0]}"
    for words in (
        ("day", "daily"),
        ("week", "weekly"),
        ("month", "monthly"),
        ("quarter", "quarterly"),
        ("year", "yearly", "annual", "annually"),
    )
    for word in words
}
_NUMBER = re.compile(r"0(?:[.,:/]?0)*")
_TWINS = str.maketrans({"’": "'", "‘": "'"})


def form_fault(text: str) -> Fault | None:
    """What is wrong with a claim's form: it must be one line of plain text that states something."""
    hidden = any(unicodedata.category(mark) in ("Cc", "Cf", "Co", "Cn", "Cs") for mark in text)
    if hidden or _MARKUP.search(text) or not _START.match(text):
        return "markup"
    if "?" in text or "？" in text:
        return "question"
    return None


def speaks_of_itself(text: str) -> bool:
    """Whether a text says I or we."""
    return _FIRST_PERSON.search(text.translate(_TWINS)) is not None


def value_fault(text: str, basis: str) -> Fault | None:
    """A value, a number, a currency or a bound of a text that its basis does not bear out."""
    heard = contents(read_slots(basis))
    if any(slot.content not in heard and not _is_named(slot, basis) for slot in read_slots(text)):
        return "value"
    if currencies(text) - currencies(basis):
        return "value"
    if loose_values(text) - loose_values(basis):
        return "value"
    return "bound" if turns_a_bound(text, basis) else None


def turns_a_bound(text: str, basis: str) -> bool:
    """Whether a value is "at most" in a text and only ever "at least" in its basis, or the other way round."""
    heard: dict[tuple[str, str], set[str]] = {}
    for slot in read_slots(basis):
        heard.setdefault(same_measure(slot), set()).add(_bound(basis, slot))
    for slot in read_slots(text):
        bound, known = _bound(text, slot), heard.get(same_measure(slot), {""})
        if bound and "" not in known and bound not in known:
            return True
    return False


def _is_named(slot: Slot, basis: str) -> bool:
    """Whether a document or a channel is named by its noun: into the app, the licence."""
    noun = re.escape(slot.value.split()[-1])
    return slot.kind in THINGS and re.search(rf"\b{noun}", basis, re.IGNORECASE) is not None


def _bound(text: str, slot: Slot) -> Bound:
    """The bound of a value, "we don't send more than" too."""
    return "most" if _NOT_MORE.search(text[: slot.start].translate(_TWINS)) else bound_of(text, slot)


def denies_otherwise(text: str, basis: str) -> bool:
    """Whether only one of two texts has a word that denies or excepts: then one may turn the other round."""
    return _denies(text) != _denies(basis)


def loose_values(text: str) -> frozenset[str]:
    """What is read as no slot and must not change: other numbers, ordinals, and what recurs how often."""
    periods = {_PERIOD_OF[(match[1] or match[2]).lower()] for match in _PERIOD.finditer(text)}
    return frozenset({*_unread_numbers(text), *(match[0].lower() for match in _ORDINAL.finditer(text)), *periods})


def _unread_numbers(text: str) -> Iterator[str]:
    """Numbers that are read as no slot, with the character after them: fractions, numerals joined to other letters.

    In Chinese that is the beginning of the unit; a lone 一 counts nothing, as "one" does not.
    """
    rest = text
    for slot in read_slots(text):
        rest = rest[: slot.start] + " " * (slot.end - slot.start) + rest[slot.end :]
    marked = "".join("0" if mark.isnumeric() else mark for mark in rest)
    for match in _NUMBER.finditer(marked):
        number, after = rest[match.start() : match.end()], rest[match.end() : match.end() + 2]
        unit = after.strip()[:1] if not after.lstrip()[:1].isascii() else after[:1].strip()
        if number != "一":
            yield f"{number} {unit if unit.isalnum() or unit == '%' else ''}"


def _denies(text: str) -> bool:
    return _DENIAL.search(_IDLE.sub(" ", text.translate(_TWINS))) is not None
