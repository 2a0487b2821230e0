"""Facts: statements of different calls that say the same, and which of two facts is out of date.

In one category, two statements that share a slot (the same value and unit) are about the same rule far more often than
not, however differently they are worded; words alone tell much less. Where two facts are about the same thing with
different values, and everything said of the one is older than everything said of the other, the older one has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reer.slots import Slot
from reer.statements import Statement

SAME_COSINE = 0.3
"""Statements that share a slot and are less alike than this only share a number."""
REPEATED_COSINE = 0.8
"""Statements without a slot that are as alike as this say the same."""
RIVAL_COSINE = 0.45
"""Facts with different values that are less alike than this are about different things."""

Encode = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""Embeddings of texts, of unit length, shape (n, dimensions)."""


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
    for position, statement in enumerate(statements):
        best, most = None, 0.0
        for group in groups:
            likeness = max(float(alike[position, member]) for member in group)
            shared = any(_shares(statement, statements[member]) for member in group)
            bar = SAME_COSINE if shared else REPEATED_COSINE if not statement.slots else 2.0
            if likeness >= bar and likeness > most:
                best, most = group, likeness
        if best is None:
            groups.append([position])
        else:
            best.append(position)
    return groups


def _shares(a: Statement, b: Statement) -> bool:
    return bool({slot.content for slot in _telling(a)} & {slot.content for slot in _telling(b)})


def _telling(statement: Statement) -> list[Slot]:
    """Slots that tell facts apart: bare counts only where there is nothing else."""
    measured = [slot for slot in statement.slots if slot.kind != "count"]
    return measured or list(statement.slots)


def _successions(
    facts: Sequence[Fact], groups: Sequence[Sequence[int]], alike: NDArray[np.floating[Any]]
) -> list[tuple[int, int]]:
    """Positions of (old, new): each is most like the other among the facts with another value of the same unit."""
    likeness = np.full((len(facts), len(facts)), -1.0)
    for a in range(len(facts)):
        for b in range(len(facts)):
            if a != b and _rivals(facts[a], facts[b]):
                likeness[a, b] = float(np.mean([[alike[i, j] for j in groups[b]] for i in groups[a]]))
    found = []
    for old in range(len(facts)):
        new = int(np.argmax(likeness[old]))
        mutual = int(np.argmax(likeness[new])) == old and likeness[old, new] >= RIVAL_COSINE
        if mutual and _dates(facts[old]) and _dates(facts[new]) and max(_dates(facts[old])) < min(_dates(facts[new])):
            found.append((old, new))
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
    return [slot for slot in slots if slot.kind not in ("document", "channel")]


def _dates(fact: Fact) -> list[date]:
    return [statement.pair.date for statement in fact.statements if statement.pair.date is not None]
