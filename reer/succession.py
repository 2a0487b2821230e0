"""Which statements are out of date: a value of theirs was replaced by one that several later calls give.

What is compared are values, not sentences: a sentence may give an old price beside a term that still holds. A value
speaks for one thing where its statements are alike; the same number elsewhere is another value.

    ended = find_ended(statements, alike)
    ended[3]    # date(2025, 10, 1): since then calls say otherwise than statement 3
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reer.slots import Slot
from reer.statements import Statement

SAME_COSINE = 0.3
"""Statements of the same value that are less alike than this only share a number."""
LONE_RIVAL_COSINE = 0.4
"""An old value that one call gives is replaced by a newer one of several calls whose statements are as alike as this:
the odds are with those."""
RIVAL_COSINE = 0.6
"""The same for an old value that several calls give; each must be most like the other, too. On the example bank two
terms of different steps of one procedure came to 0.48."""
MIN_NEWER_CALLS = 2
"""Calls that must give the newer value: the numbers of a single case end no rule."""

THINGS = frozenset({"document", "channel"})
"""Kinds of slots that are named, not valued: a passport may be asked for, and a payslip too."""
_CASES = frozenset({"date", "hour", "count"})
"""Kinds of values that differ from case to case under one rule."""
_MONEY = frozenset({"amount", "rate"})

Value = tuple[str, str, str]
"""Kind, value and unit."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and the statements that give it of one thing."""

    value: Value
    members: tuple[int, ...]
    calls: frozenset[str]
    days: tuple[date, ...]


def telling(statement: Statement) -> list[Slot]:
    """Slots that tell facts apart: bare counts only where there is nothing else."""
    measured = [slot for slot in statement.slots if slot.kind != "count"]
    return measured or list(statement.slots)


def find_ended(statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> dict[int, date]:
    """Positions of statements with a value that was replaced, and the day of the first call that gives the newer one.

    Args:
        statements: of one category.
        alike: how alike they are, shape (n, n).
    """
    given = _all_given(statements, alike)
    likeness = np.full((len(given), len(given)), -1.0)
    for a in range(len(given)):
        for b in range(a + 1, len(given)):
            likeness[a, b] = likeness[b, a] = _rivalry(given[a], given[b], statements, alike)
    ended: dict[int, date] = {}
    for a, old in enumerate(given):
        newer = [b for b, new in enumerate(given) if likeness[a, b] >= 0 and len(new.calls) >= MIN_NEWER_CALLS]
        if not newer:
            continue
        b = max(newer, key=lambda place: float(likeness[a, place]))
        mutual = int(np.argmax(likeness[b])) == a
        bar = LONE_RIVAL_COSINE if len(old.calls) == 1 else RIVAL_COSINE
        replaced = likeness[a, b] >= bar and (mutual or len(old.calls) == 1)
        if replaced and old.days and given[b].days and max(old.days) < min(given[b].days):
            for member in old.members:
                ended[member] = min(given[b].days)
    return ended


def _all_given(statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> list[_Given]:
    """Each value with its statements, apart where these are not alike."""
    places: dict[Value, list[list[int]]] = defaultdict(list)
    for place, statement in enumerate(statements):
        for value in dict.fromkeys(_values(telling(statement))):
            near = [group for group in places[value] if max(alike[place, group]) >= SAME_COSINE]
            apart = [group for group in places[value] if group not in near]
            places[value] = [*apart, [*(member for group in near for member in group), place]]
    return [_of(value, group, statements) for value, groups in places.items() for group in groups]


def _of(value: Value, members: Sequence[int], statements: Sequence[Statement]) -> _Given:
    pairs = [statements[member].pair for member in members]
    days = tuple(pair.date for pair in pairs if pair.date is not None)
    return _Given(value, tuple(members), frozenset(pair.conversation for pair in pairs), days)


def _rivalry(a: _Given, b: _Given, statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> float:
    """How alike the statements of two values are that cannot both hold; below 0 where they can.

    Statements that agree on one sum and differ in another differ in what they reckon, not in the rule.
    """
    (kind, _, unit), (other_kind, _, other_unit) = a.value, b.value
    if a.value == b.value or (kind, unit) != (other_kind, other_unit) or a.calls & b.calls:
        return -1.0
    compared = [
        float(alike[one, other])
        for one in a.members
        for other in b.members
        if not _reckons(kind, set(_values(statements[one].slots)) & set(_values(statements[other].slots)))
    ]
    return float(np.mean(compared)) if compared else -1.0


def _reckons(kind: str, agreed: set[Value]) -> bool:
    if kind in _CASES:
        return bool(agreed)
    family = _MONEY if kind in _MONEY else {kind}
    return any(value[0] in family for value in agreed)


def _values(slots: Sequence[Slot]) -> list[Value]:
    return [(slot.kind, *slot.content) for slot in slots if slot.kind not in THINGS]
