"""Facts: statements of different calls that say the same, and which of two facts is out of date.

In one category, two statements that share a slot (the same value and unit) are about the same rule far more often than
not, however differently they are worded. Words alone tell much less: there, each must be the nearest to the other.
Where two facts are about the same thing with different values, and everything said of the one is older than everything
said of the other, the older one has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode
from reer.slots import Slot
from reer.statements import Statement

SAME_COSINE = 0.3
"""Statements that share a slot and are less alike than this only share a number."""
SAME_THING_COSINE = 0.5
"""The same where all that they share is a document or a channel, which many rules speak of."""
TWIN_COSINE = 0.5
"""Statements without a value, of two calls, say the same when each is the one most like the other and as alike as this;
on the example bank 86 of 100 such twins were marked as the same fact."""
RIVAL_COSINE = 0.45
"""Facts with different values that are less alike than this are about different things."""
LONE_RIVAL_COSINE = 0.4
"""The same for an old fact that one call states and a newer one that several do: the odds are with those."""

NEVER = 2.0
THINGS = frozenset({"document", "channel"})
"""Kinds of slots that are named, not valued."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What several statements say."""

    statements: tuple[Statement, ...]
    """In the order of the pairs."""
    until: date | None = None
    """When a newer fact was first stated in its place."""

    @property
    def conversations(self) -> frozenset[str]:
        """The calls that state it."""
        return frozenset(statement.pair.conversation for statement in self.statements)


def find_facts(statements: Sequence[Statement], encode: Encode) -> list[Fact]:
    """Group the statements of one category, and date the facts that newer ones replace.

    Args:
        statements: of one category, in the order of their pairs.
        encode: text embeddings, as `lm.encoder.Encoder().encode`.
    """
    if not statements:
        return []
    alike = _similarities(statements, encode)
    groups = _groups(statements, alike)
    facts = [Fact(tuple(statements[member] for member in group)) for group in groups]
    for old, new in _successions(facts, groups, alike):
        first = min(_dates(facts[new]))
        facts[old] = replace(facts[old], until=first)
    return facts


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
    theirs = {slot.content for slot in _telling(b)}
    kinds = {slot.kind for slot in _telling(a) if slot.content in theirs}
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


def _telling(statement: Statement) -> list[Slot]:
    """Slots that tell facts apart: bare counts only where there is nothing else."""
    measured = [slot for slot in statement.slots if slot.kind != "count"]
    return measured or list(statement.slots)


def _successions(
    facts: Sequence[Fact], groups: Sequence[Sequence[int]], alike: NDArray[np.floating[Any]]
) -> list[tuple[int, int]]:
    """Positions of (old, new): of the facts with another value of the same unit, the new one is most like the old.

    The old one is most like the new one too, or is stated by one call alone and the new one by several.
    """
    likeness = np.full((len(facts), len(facts)), -1.0)
    for a in range(len(facts)):
        for b in range(len(facts)):
            if a != b and _rivals(facts[a], facts[b]):
                likeness[a, b] = float(np.mean([[alike[i, j] for j in groups[b]] for i in groups[a]]))
    found = []
    for old in range(len(facts)):
        new = int(np.argmax(likeness[old]))
        mutual = int(np.argmax(likeness[new])) == old and likeness[old, new] >= RIVAL_COSINE
        outvoted = len(facts[old].conversations) < 2 <= len(facts[new].conversations)
        if mutual or (outvoted and likeness[old, new] >= LONE_RIVAL_COSINE):
            found += [(old, new)] if _newer(facts[old], facts[new]) else []
    return found


def _rivals(a: Fact, b: Fact) -> bool:
    """Whether they state different values of the same kind and unit, and were never said in the same call.

    A document or a channel rules out no other: a passport may be asked for, and a payslip too.
    """
    slots_a, slots_b = _values(a), _values(b)
    kinds = {(slot.kind, slot.unit) for slot in slots_a} & {(slot.kind, slot.unit) for slot in slots_b}
    agree = {slot.content for slot in slots_a} & {slot.content for slot in slots_b}
    return bool(kinds) and not agree and not a.conversations & b.conversations


def _values(fact: Fact) -> list[Slot]:
    """Slots of which something has one value at a time."""
    slots = [slot for statement in fact.statements for slot in _telling(statement)]
    return [slot for slot in slots if slot.kind not in THINGS]


def _newer(old: Fact, new: Fact) -> bool:
    """Whether all that is said of the one is later than all that is said of the other."""
    before, after = _dates(old), _dates(new)
    return bool(before and after) and max(before) < min(after)


def _dates(fact: Fact) -> list[date]:
    return [statement.pair.date for statement in fact.statements if statement.pair.date is not None]
