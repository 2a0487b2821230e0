"""How well groups agree with categories that are known: purity, adjusted Rand index, normalised mutual information."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def measure_agreement(groups: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """Compare two ways of grouping the same things; 1 is perfect, and chance is an adjusted Rand index of 0.

    Purity is the share of things that are of the commonest true category of their group (it grows with the number of
    groups); the index is that of Hubert and Arabie (1985), the information is normalised by the mean entropy.
    """
    _, rows = np.unique(groups, return_inverse=True)
    _, columns = np.unique(truth, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    return {"purity": float(table.max(axis=1).sum() / table.sum()), "ari": _rand(table), "nmi": _information(table)}


def _rand(table: np.ndarray) -> float:
    def twos(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    a, b = twos(table.sum(axis=1)), twos(table.sum(axis=0))
    expected = a * b / max(1.0, twos(table.sum(keepdims=True)))
    most = (a + b) / 2
    return 1.0 if most == expected else (twos(table) - expected) / (most - expected)


def _information(table: np.ndarray) -> float:
    def entropy(counts: np.ndarray) -> float:
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())

    a, b = entropy(table.sum(axis=1)), entropy(table.sum(axis=0))
    return 1.0 if a + b == 0 else 2 * (a + b - entropy(table)) / (a + b)
