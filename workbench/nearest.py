"""The texts of a pool that share the most telling words with a query: Okapi BM25.

pool = Bm25(["Siemens lifts outlook", "Apple falls"])
pool.top("Siemens cuts jobs", 1)  # [0]
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

K1 = 1.5
"""How soon repeating a word stops counting."""
B = 0.75
"""How much a long text is held against its words, 0 to 1."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")


def tokenize(text: str) -> list[str]:
    """Lowercase words; each Chinese, Japanese or Korean character is a word."""
    return _TOKEN.findall(text.lower())


class Bm25:
    """An inverted index over a fixed pool of texts (Robertson & Zaragoza 2009, with the never negative idf)."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index the pool; positions in `texts` are the ids that `top` returns."""
        counts = [Counter(tokenize(text)) for text in texts]
        lengths = np.array([count.total() for count in counts], dtype=np.float64)
        mean_length = (float(lengths.mean()) if texts else 0.0) or 1.0
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, count in enumerate(counts):
            for token, frequency in count.items():
                postings[token].append((index, frequency))
        self._size = len(texts)
        self._weights: dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]] = {}
        for token, entries in postings.items():
            indices = np.array([index for index, _ in entries], dtype=np.intp)
            frequencies = np.array([frequency for _, frequency in entries], dtype=np.float64)
            idf = np.log1p((self._size - len(entries) + 0.5) / (len(entries) + 0.5))
            norm = K1 * (1 - B + B * lengths[indices] / mean_length)
            self._weights[token] = indices, idf * frequencies * (K1 + 1) / (frequencies + norm)

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 of every text in the pool, shape (n,); 0 where no word is shared."""
        scores = np.zeros(self._size)
        for token in tokenize(query):
            if token in self._weights:
                indices, weights = self._weights[token]
                scores[indices] += weights
        return scores

    def top(self, query: str, k: int, *, exclude: Collection[int] = ()) -> list[int]:
        """The `k` best positions, best first, equal scores by position; fewer when the pool runs out."""
        return best(self.scores(query), k, exclude=exclude)


def best(scores: NDArray[np.floating[Any]], k: int, *, exclude: Collection[int] = ()) -> list[int]:
    """Positions of the `k` highest scores, best first, equal ones by position; fewer when the pool runs out."""
    order = np.argsort(-scores, kind="stable")
    skipped = frozenset(exclude)
    return [int(index) for index in order if int(index) not in skipped][:k]
