"""Pairs as points of a sphere, so that the cosine of two says how alike what they are about is.

The mean of all pairs is taken off first: what every call shares (greetings, the tone) tells no categories apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode
from reer.pairs import Pair

BATCH = 32
"""Texts between two signs of progress."""

Points = NDArray[np.floating[Any]]
"""Shape (n, dimensions), each row of length 1, or 0 where it is the mean itself."""


def text_of(pair: Pair) -> str:
    """Question and reply, then earlier turns, newest first: an encoder cuts a long text at its end."""
    earlier = [turn.content for turn in reversed(pair.x[:-1])]
    return "\n".join(text for text in (pair.question, pair.y, *earlier) if text.strip())


def place_texts(texts: Sequence[str], encode: Encode, on_done: Callable[[int], None] = lambda _count: None) -> Points:
    """Centred embeddings; the order of the texts moves none of them.

    Args:
        texts: what to embed.
        encode: text embeddings.
        on_done: told how many more are embedded.
    """
    order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
    parts = []
    for start in range(0, len(order), BATCH):
        parts.append(encode([texts[place] for place in order[start : start + BATCH]]))
        on_done(len(parts[-1]))
    embedded = np.concatenate(parts).astype(np.float64)
    centred = unit(embedded - embedded.mean(axis=0))
    points = np.empty_like(centred)
    points[order] = centred
    return points


def unit(rows: NDArray[np.floating[Any]]) -> Points:
    """Rows scaled to length 1; a row of zeros, up to rounding, stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Points = np.where(lengths > 1e-6, rows / np.maximum(lengths, 1e-6), 0.0)
    return scaled
