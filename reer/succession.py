"""Which statements are out of date: a value of theirs was replaced by one that several later calls give.

What is compared are values, not sentences: a sentence may give an old price beside a term that still holds. A value
speaks for one thing where its statements are alike; the same number elsewhere is another value.

    ended = find_ended(statements, alike)
    ended[3].until    # date(2025, 10, 1): since then calls say otherwise than statement 3
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reer.slots import MONEY, THINGS, Slot
from reer.statements import Statement

SAME_COSINE = 0.3
"""Statements of the same value that are less alike than this only share a number."""
LONE_RIVAL_COSINE = 0.4
"""An old value that one call gives is replaced by a newer one of several calls whose statements are as alike as this:
the odds are with those."""
RIVAL_COSINE = 0.6
"""The same for an old value that several calls give; each must be most like the other, too. On the example bank two
terms of different steps of one procedure came to 0.48."""
NEAR = 0.02
"""Of the values as alike as the most alike one, but for this, the first replaced the old one."""
MIN_NEWER_CALLS = 2
"""Calls that must give the newer value: the numbers of a single case end no rule."""

_CASES = frozenset({"date", "hour", "count"})
"""Kinds of values that differ from case to case under one rule."""

Value = tuple[str, str, str]
"""Kind, value and unit."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a statement is out of date."""

    until: date
    """Day of the first call that gives a newer value."""
    contents: frozenset[tuple[str, str]]
    """Values and units that were replaced."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and the statements that give it of one thing."""

    value: Value
    members: tuple[int, ...]
    calls: frozenset[str]
    first: date | None
    last: date | None
    """Days of its calls; None where one of them has no date."""


def telling(statement: Statement) -> list[Slot]:
    """Slots that tell facts apart: bare counts only where there is nothing else."""
    measured = [slot for slot in statement.slots if slot.kind != "count"]
    return measured or list(statement.slots)


def find_ended(statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> dict[int, Ended]:
    """Statements, by position, with a value that was replaced.

    Args:
        statements: of one category.
        alike: how alike they are, shape (n, n).
    """
    given = _all_given(statements, alike)
    values = [frozenset(_values(statement.slots)) for statement in statements]
    likeness = np.full((len(given), len(given)), -1.0)
    for a in range(len(given)):
        for b in range(a + 1, len(given)):
            likeness[a, b] = likeness[b, a] = _rivalry(given[a], given[b], values, alike)
    ended: dict[int, Ended] = {}
    for a, old in enumerate(given):
        rivals = [b for b, new in enumerate(given) if likeness[a, b] >= 0 and len(new.calls) >= MIN_NEWER_CALLS]
        nearest = max((likeness[a, b] for b in rivals), default=0.0) - NEAR
        replacing = [b for b in rivals if likeness[a, b] >= nearest and _replaces(b, a, given, likeness)]
        until = min((day for b in replacing if (day := given[b].first) is not None), default=None)
        for member in old.members if until else ():
            ended[member] = _joined(ended.get(member), until, old.value)
    return ended


def _follows(new: _Given, old: _Given) -> bool:
    """Whether all calls that give the one are later than all that give the other."""
    return new.first is not None and old.last is not None and old.last < new.first


def _replaces(b: int, a: int, given: Sequence[_Given], likeness: NDArray[np.float64]) -> bool:
    """Whether a value is later, and said of the same thing."""
    if not _follows(given[b], given[a]):
        return False
    if len(given[a].calls) == 1:
        return bool(likeness[a, b] >= LONE_RIVAL_COSINE)
    before = [likeness[b, c] for c, other in enumerate(given) if _follows(given[b], other)]
    return bool(likeness[a, b] >= RIVAL_COSINE and likeness[a, b] >= max(before))


def _joined(known: Ended | None, until: date, value: Value) -> Ended:
    _, number, unit = value
    return Ended(
        min(until, known.until) if known else until,
        (known.contents if known else frozenset()) | {(number, unit)},
    )


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
    days = [pair.date for pair in pairs if pair.date is not None]
    dated = len(days) == len(pairs)
    calls = frozenset(pair.conversation for pair in pairs)
    return _Given(value, tuple(members), calls, min(days) if dated else None, max(days) if dated else None)


def _rivalry(a: _Given, b: _Given, values: Sequence[frozenset[Value]], alike: NDArray[np.floating[Any]]) -> float:
    """How alike the statements of two values are that cannot both hold; below 0 where they can.

    `values` are those of each statement.
    Statements that agree on one sum and differ in another differ in what they reckon, not in the rule.
    """
    (kind, _, unit), (other_kind, _, other_unit) = a.value, b.value
    if a.value == b.value or (kind, unit) != (other_kind, other_unit) or a.calls & b.calls:
        return -1.0
    compared = [
        float(alike[one, other])
        for one in a.members
        for other in b.members
        if not _reckons(kind, values[one] & values[other])
    ]
    return float(np.mean(compared)) if compared else -1.0


def _reckons(kind: str, agreed: frozenset[Value]) -> bool:
    if kind in _CASES:
        return bool(agreed)
    family = MONEY if kind in MONEY else {kind}
    return any(value[0] in family for value in agreed)


def _values(slots: Sequence[Slot]) -> list[Value]:
    return [(slot.kind, *slot.content) for slot in slots if slot.kind not in THINGS]
