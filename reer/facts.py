"""Facts: statements of different calls that say the same, and which of them are out of date.

In one category, two statements that share a slot (the same value and unit) are about the same rule far more often than
not, however differently they are worded. Words alone tell much less: there, each must be the nearest to the other.
Statements with a value that later calls replaced (`reer/succession.py`) are facts of their own, which have ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode
from reer.slots import THINGS, contents
from reer.statements import Statement
from reer.succession import SAME_COSINE, Ended, find_ended, telling

SAME_THING_COSINE = 0.5
"""The same where all that they share is a document or a channel, which many rules speak of."""
TWIN_COSINE = 0.5
"""Statements without a value, of two calls, say the same when each is the one most like the other and as alike as this;
on the example bank 86 of 100 such twins were marked as the same fact."""

NEVER = 2.0


@dataclass(frozen=True, slots=True)
class Fact:
    """What several statements say."""

    statements: tuple[Statement, ...]
    """In the order of the pairs."""
    until: date | None = None
    """When a newer fact was first stated in its place."""
    gone: frozenset[tuple[str, str]] = frozenset()
    """Values and units that ended it."""
    beside: tuple[Statement, ...] = ()
    """Statements that confirm it beside a value that has ended; they give it no words."""

    @property
    def conversations(self) -> frozenset[str]:
        """The calls that state it."""
        return frozenset(statement.pair.conversation for statement in (*self.statements, *self.beside))


def find_facts(statements: Sequence[Statement], encode: Encode) -> list[Fact]:
    """Group the statements of one category, and date the facts that newer ones replace.

    Args:
        statements: of one category, in the order of their pairs.
        encode: text embeddings, as `lm.encoder.Encoder().encode`.
    """
    if not statements:
        return []
    alike = _similarities(statements, encode)
    ended = find_ended(statements, alike)
    return [fact for group in _groups(statements, alike) for fact in _facts_of(group, statements, ended)]


def _facts_of(group: Sequence[int], statements: Sequence[Statement], ended: Mapping[int, Ended]) -> Iterator[Fact]:
    """What a group of statements says now, and what it said until when."""
    now = tuple(statements[member] for member in group if member not in ended)
    past = [member for member in group if member in ended]
    if now:
        said = contents(slot for statement in now for slot in statement.slots)
        beside = tuple(statements[member] for member in past if said & contents(statements[member].slots))
        yield Fact(now, beside=beside)
    for until in sorted({ended[member].until for member in past}):
        then = [member for member in past if ended[member].until == until]
        gone = frozenset().union(*(ended[member].contents for member in then))
        yield Fact(tuple(statements[member] for member in then), until, gone)


def _similarities(statements: Sequence[Statement], encode: Encode) -> NDArray[np.floating[Any]]:
    """How alike the statements are, shape (n, n): alone, and after the question they answer, half each."""
    alone = encode([statement.text for statement in statements])
    asked = encode([f"{statement.pair.question} {statement.text}" for statement in statements])
    similarities: NDArray[np.floating[Any]] = (alone @ alone.T + asked @ asked.T) / 2
    return similarities


def _groups(statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> list[list[int]]:
    """Positions of statements that say the same; each joins the group of the one most like it, or begins its own."""
    groups: list[list[int]] = []
    twins = _twins(statements, alike)
    for position, statement in enumerate(statements):
        best, most = None, 0.0
        for group in groups:
            likeness = max(float(alike[position, member]) for member in group)
            bar = min(_bar(statement, statements[member]) for member in group)
            if (likeness >= bar or twins.get(position) in group) and likeness > most:
                best, most = group, likeness
        if best is None:
            groups.append([position])
        else:
            best.append(position)
    return groups


def _bar(a: Statement, b: Statement) -> float:
    """How alike two statements must be to say the same, by what they share."""
    theirs = {slot.content for slot in telling(b)}
    kinds = {slot.kind for slot in telling(a) if slot.content in theirs}
    if not kinds:
        return NEVER
    return SAME_THING_COSINE if kinds <= THINGS else SAME_COSINE


def _twins(statements: Sequence[Statement], alike: NDArray[np.floating[Any]]) -> dict[int, int]:
    """For statements without a value, the one of another call that is most like it, where that is mutual."""
    places = [place for place, each in enumerate(statements) if {slot.kind for slot in each.slots} <= THINGS]
    nearest = {}
    for place in places:
        call = statements[place].pair.conversation
        others = [other for other in places if statements[other].pair.conversation != call]
        if others:
            nearest[place] = max(others, key=lambda other: float(alike[place, other]))
    return {a: b for a, b in nearest.items() if nearest.get(b) == a and alike[a, b] >= TWIN_COSINE}
