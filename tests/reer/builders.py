"""Pairs, embeddings and a scoring engine made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from lm.scores import Item, OnRow, Row, Scorer
from reer.pairs import Pair, Turn


def make_pair(number: int, y: str, *, category: str = "cards", call: str | None = None, day: str | None = None) -> Pair:
    return Pair(
        id=f"p{number}",
        conversation=call or f"call{number}",
        turn=2,
        x=(Turn("customer", f"Question {number}?"),),
        y=y,
        category=category,
        speaker="agent-a",
        date=date.fromisoformat(day) if day else None,
    )


def words_of(text: str) -> list[str]:
    return text.lower().replace(".", " ").replace(",", " ").replace("?", " ").split()


def by_words(texts: Sequence[str]) -> NDArray[np.float64]:
    """Embeds a text by its words, hashed; texts that share words are alike."""
    rows = np.zeros((len(texts), 257))
    for row, text in zip(rows, texts, strict=True):
        for word in words_of(text):
            row[sum(map(ord, word)) % 256] += 1
        row[256] = 0.01
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Reader:
    """Finds a word likely when the context holds it, and counts how many rows it scored.

    It may tire: then each word of the context makes each word of the reply less likely by as many nats.
    """

    name = "reader"

    def __init__(self, tires: float = 0.0) -> None:
        self.identity = f"reader {tires}"
        self.tires = tires
        self.scored = 0

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        return [Row(item.context, item.y) for item in items]

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        for place, row in enumerate(rows):
            read = words_of(str(row.context))
            known, tired = set(read), self.tires * len(read)
            self.scored += 1
            likely = [-0.5 if word in known else -3.0 for word in words_of(str(row.y))]
            on_row(place, tuple(each - tired for each in likely) or (-1.0,))

    async def aclose(self) -> None:
        pass


def make_scorer(tires: float = 0.0) -> Scorer:
    return Scorer(Reader(tires))
