"""Embeddings of a manual's texts, kept in the user's cache: they take seconds, and change only when the manual does.

encode = remember(Encoder().encode, cache_folder() / "embeddings", "all-minilm-l6-v2")
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode


def remember(encode: Encode, folder: Path, name: str) -> Encode:
    """The same embeddings, looked up where the same texts were embedded before; a single text is not kept.

    Args:
        encode: text embeddings.
        folder: of the files, one for each list of texts; may be deleted at any time.
        name: of what embeds, since another has other embeddings.
    """

    def looked_up(texts: Sequence[str]) -> NDArray[np.floating[Any]]:
        if len(texts) < 2:
            return encode(texts)
        path = folder / f"{hashlib.sha256(json.dumps([name, list(texts)]).encode()).hexdigest()}.npy"
        points = _read(path, len(texts))
        if points is None:
            order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # short ones need no padding
            sorted_points = encode([texts[place] for place in order])
            points = np.empty_like(sorted_points)
            points[order] = sorted_points
            _write(path, points)
        return points

    return looked_up


def _read(path: Path, n: int) -> NDArray[np.floating[Any]] | None:
    """What is kept, if it is whole."""
    try:
        points: NDArray[np.floating[Any]] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return points if points.ndim == 2 and len(points) == n else None


def _write(path: Path, points: NDArray[np.floating[Any]]) -> None:
    """Keep in one step; a cache that cannot be written is no reason to fail."""
    file = io.BytesIO()
    np.save(file, points, allow_pickle=False)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(file.getvalue())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
