"""Replies that can speak for or against some words: those that share a slot with them, then those most like them.

witnesses = Witnesses(pairs, encode)
witnesses.find(contents(statement.slots), encode([statement.text]), apart={statement.pair.conversation}, n=4)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode
from reer.pairs import Pair
from reer.slots import contents
from reer.statements import find_statements

DECIMALS = 5
"""Digits of a likeness that count; those behind differ by machine, and equal replies must stay in their order."""


class Witnesses:
    """The replies of a category."""

    def __init__(self, pairs: Sequence[Pair], encode: Encode) -> None:
        """Read the slots of the replies and embed them."""
        self._pairs = pairs
        self._replies = encode([pair.y for pair in pairs])
        self._slots = [contents(slot for each in find_statements(pair) for slot in each.slots) for pair in pairs]

    def find(
        self, values: Collection[tuple[str, str]], points: NDArray[np.floating[Any]], *, apart: Collection[str], n: int
    ) -> list[Pair]:
        """At most `n` replies that some texts concern most.

        Args:
            values: contents of the slots of the texts.
            points: embeddings of the texts, shape (texts, dimensions); the one most like a reply counts.
            apart: calls whose replies are no witnesses, such as those that the words are from.
            n: most replies.
        """
        shared = frozenset(values)
        likeness = np.round(np.max(self._replies @ points.T, axis=1), DECIMALS)
        order = sorted(
            (place for place, pair in enumerate(self._pairs) if pair.conversation not in apart),
            key=lambda place: (not shared & self._slots[place], -float(likeness[place])),
        )
        return [self._pairs[place] for place in order[:n]]
