"""Faults between two claims: one thing with two values, the same said twice, history that is told as present."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

from reer.lint import Fault
from reer.lint_book import Book, Told, Wording, likeness
from reer.lint_bounds import bound_of
from reer.lint_values import same_measure
from reer.slots import THINGS, Slot

RIVAL, RIVAL_ELSEWHERE = 0.43, 0.65
"""How alike two claims with different values must be to be about the same thing, in one article and across."""
SUCCESSOR, SUCCESSOR_ELSEWHERE = 0.35, 0.45
"""The same where all that was said of the one is older than all that was said of the other."""
TWIN, TWIN_ELSEWHERE = 0.43, 0.7
"""How alike two claims with the same values must be to say the same; across articles only a copy counts."""
TWIN_IN_WORDS = 0.55
"""The same for claims without a value."""
REVIVED = 0.4
"""How alike a claim and a piece of history with the same values must be to say the same."""
SAME_SOURCE = 0.15
"""What a source in common adds."""

_CONDITION = re.compile(
    r"\b(?:if|unless|except|other than|without|provided|as long as|very first|welcome|newly|freshly"
    r"|new (?:customers?|clients?|accounts?)|for (?:all )?the others?)\b",
    re.IGNORECASE,
)


def find_two_values(book: Book) -> Iterator[Fault]:
    """Two current claims about the same thing with different values."""
    for a, b in combinations(book.current, 2):
        if not (rivals := _rivals(a.own, b.own)) or _other_cases(a.own, b.own):
            continue
        if _same_condition(a.own, b.own) and _about_one_thing(a, b):
            here, there = rivals
            said = f"{here} here, {there} in {b.name}, about the same thing; end the one that is out of date"
            yield Fault(a.page, said, (a, b))


def find_duplicates(book: Book) -> Iterator[Fault]:
    """Two current claims that say the same."""
    for a, b in combinations(book.current, 2):
        alike = _alike(a, b)
        bar = TWIN_ELSEWHERE if a.page is not b.page else TWIN if _values(a.own) else TWIN_IN_WORDS
        copied = alike >= TWIN_ELSEWHERE and _measured(a.own) == _measured(b.own)
        if (copied or _say_the_same(a, b, bar)) and _same_condition(a.own, b.own):
            yield Fault(a.page, f"{b.name} says the same; keep one, with the sources of both", (a, b))


def find_not_current(book: Book) -> Iterator[Fault]:
    """History that was said again after it had ended, or that a current claim still tells."""
    ended = [told for told in book.told if told.claim.until is not None]
    for old in ended:
        until = str(old.claim.until)
        for source, quote in zip(old.sources, old.quotes, strict=True):
            if not (source.date and source.date > until and _values(old.own) <= _values(quote)):
                continue
            said = f"ended on {until}, but source {source.id!r} says it on {source.date}; move the date or the claim"
            yield Fault(old.page, said, (old,), about=f"{source.id} {source.date}")
            break
        for told in book.current:
            same = told.page is old.page and bool(_values(old.own)) and _values(old.own) <= _values(told.own)
            if same and _alike(told, old) >= REVIVED:
                said = f"says what {old.claim.id} said until {until}; remove it, or take {old.claim.id} back"
                yield Fault(told.page, said, (told, old))


def _say_the_same(a: Told, b: Told, bar: float) -> bool:
    """Whether two claims agree in their values, and so do what they were heard from, in words that are alike."""
    if not _agree(a.own, b.own):
        return False
    heard = ((ours, theirs) for ours in a.wordings for theirs in b.wordings if a.page is b.page and _values(ours))
    return _alike(a, b) >= bar or any(_agree(*pair) and likeness(*pair) >= bar for pair in heard)


def _about_one_thing(a: Told, b: Told) -> bool:
    """Whether two claims, or what they were heard from, give different values to what looks like the same thing."""
    home, follows = a.page is b.page, _follows(a, b) or _follows(b, a)
    sure, enough = (RIVAL, SUCCESSOR) if home else (RIVAL_ELSEWHERE, SUCCESSOR_ELSEWHERE)
    for ours in a.wordings:
        for theirs in b.wordings:
            alike = likeness(ours, theirs)
            close = alike >= sure
            if not (close or (follows and alike >= enough)) or not _same_condition(ours, theirs):
                continue
            if _rivals(ours, theirs, apart=not close):
                return True
    return False


def _follows(new: Told, old: Told) -> bool:
    """Whether all sources of one claim are younger than those of another."""
    days, before = [source.date for source in new.sources], [source.date for source in old.sources]
    return all(days) and all(before) and min(map(str, days)) > max(map(str, before))


def _alike(a: Told, b: Told) -> float:
    shared = {source.words for source in a.sources} & {source.words for source in b.sources}
    return likeness(a.own, b.own) + (SAME_SOURCE if shared else 0.0)


def _values(wording: Wording) -> frozenset[tuple[str, str, str]]:
    """Kind, value and unit of what has one value at a time; bare counts only where there is nothing else."""
    return _read_values(wording.slots)


@lru_cache(maxsize=10_000)
def _read_values(slots: tuple[Slot, ...]) -> frozenset[tuple[str, str, str]]:
    closed = [slot for slot in slots if slot.kind not in THINGS]
    telling = [slot for slot in closed if slot.kind != "count"] or closed
    return frozenset((slot.kind, *same_measure(slot)) for slot in telling)


def _measured(wording: Wording) -> set[tuple[str, str]]:
    """Its values, bare counts left out."""
    return {same_measure(slot) for slot in wording.slots if slot.kind != "count"}


def _rivals(a: Wording, b: Wording, *, apart: bool = False) -> tuple[str, str] | None:
    """Values of one kind and unit that only the one and only the other has, as they are worded.

    Args:
        a: one wording.
        b: another.
        apart: they must not share any.
    """
    ours, theirs = _values(a), _values(b)
    for kind, unit in sorted({(kind, unit) for kind, _, unit in ours} & {(kind, unit) for kind, _, unit in theirs}):
        mine = {value for k, value, u in ours if (k, u) == (kind, unit)}
        other = {value for k, value, u in theirs if (k, u) == (kind, unit)}
        if not (mine - other and other - mine) or (apart and mine & other):
            continue
        if _bounds(a, kind, unit) & _bounds(b, kind, unit):
            return _say(a, kind, unit, mine - other), _say(b, kind, unit, other - mine)
    return None


def _bounds(wording: Wording, kind: str, unit: str) -> set[str]:
    """How the values of a kind bound: a fee of 5 euros and a limit of 500 are no rivals."""
    slots = [slot for slot in wording.slots if slot.kind == kind and same_measure(slot)[1] == unit]
    return {bound_of(wording.text, slot) for slot in slots}


def _other_cases(a: Wording, b: Wording) -> bool:
    """Whether the one begins at a value and the other does not: over 12 months one fee, in the last 12 another."""
    return any(_begins_at(a, value) != _begins_at(b, value) for value in _values(a) & _values(b))


def _begins_at(wording: Wording, value: tuple[str, str, str]) -> bool:
    slots = [slot for slot in wording.slots if (slot.kind, *same_measure(slot)) == value]
    return any(bound_of(wording.text, slot) == "least" for slot in slots)


def _say(wording: Wording, kind: str, unit: str, values: set[str]) -> str:
    slots = [slot for slot in wording.slots if slot.kind == kind and same_measure(slot) in {(v, unit) for v in values}]
    return " and ".join(repr(wording.text[slot.start : slot.end].strip()) for slot in slots)


def _agree(a: Wording, b: Wording) -> bool:
    """Whether one has all values of the other."""
    ours, theirs = _values(a), _values(b)
    return bool(ours) == bool(theirs) and (ours <= theirs or theirs <= ours)


def _same_condition(a: Wording, b: Wording) -> bool:
    """Whether both hold under a condition or neither does: a rule and its exception have different values."""
    return bool(_CONDITION.search(a.text)) == bool(_CONDITION.search(b.text))
