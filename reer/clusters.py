"""Groups of points that are alike: Ward's hierarchy for the first cut, spherical k-means to settle it.

Both are free of chance, so there is no seed: the same points have the same clusters. On `examples/oral-bank` this finds
more of the true categories than k-means from random seeds does, and a few odd calls do not upset it, as they do
average linkage.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reer.points import Points, unit

MAX_LINKED = 4000
"""Points that the hierarchy is made of, whose memory grows with the square; the rest join the nearest cluster."""
MAX_STEPS = 100
"""Steps of k-means, which mostly settles in fewer than ten."""

Labels = NDArray[np.intp]
"""Number of the cluster of each point, from 0."""


def count_different(points: Points) -> int:
    """How many of the points differ."""
    return len(np.unique(points.round(5), axis=0))


def find_clusters(points: Points, fewest: int, most: int) -> Labels:
    """Cluster the points into as many groups as have the highest silhouette; of equals the fewest, largest group first.

    Args:
        points: at least `fewest` that differ, in an order that does not change.
        fewest: clusters, at least 2; there are fewer only when points lie so that one of them takes nothing.
        most: clusters.
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    different = count_different(points)
    if different < fewest:
        raise ValueError(f"{different} points that differ make no {fewest} clusters")
    drawn = np.unique(np.linspace(0, len(points) - 1, min(len(points), MAX_LINKED)).astype(np.intp))
    counts = range(fewest, min(most, different, len(drawn)) + 1)
    cuts = cut_tree(linkage(points[drawn], "ward"), n_clusters=list(counts))
    tried = [settle(points, centres_of(points[drawn], cut)) for cut in cuts.T]
    # Rounded, so that of equals the first wins whatever the machine adds up to.
    return _largest_first(max(tried, key=lambda labels: round(silhouette(points, labels), 9)))


def settle(points: Points, centres: Points) -> Labels:
    """Spherical k-means from given centres: join the nearest centre, move the centres, until nothing changes.

    A step that would leave a cluster empty is not taken, but the first is: a centre may have no point near it.
    """
    labels: Labels = (points @ centres.T).argmax(axis=1)
    for _ in range(MAX_STEPS):
        held, own = np.unique(labels, return_inverse=True)
        nearest = (points @ centres_of(points, own).T).argmax(axis=1)
        if len(np.unique(nearest)) < len(held) or np.array_equal(nearest, own):
            break
        labels = held[nearest]
    return labels


def centres_of(points: Points, labels: Labels) -> Points:
    """Direction of the mean of each cluster; `labels` has each number from 0 to its highest."""
    sums = np.zeros((int(labels.max()) + 1, points.shape[1]))
    np.add.at(sums, labels, points)
    return unit(sums)


def silhouette(points: Points, labels: Labels) -> float:
    """Mean silhouette by cosine distance (Rousseeuw 1987), -1 to 1; a point alone in its cluster counts 0.

    A single cluster has the lowest one, since it tells nothing apart.
    """
    _, own = np.unique(labels, return_inverse=True)
    sizes = np.bincount(own)
    if len(sizes) == 1:
        return -1.0
    sums = np.zeros((len(sizes), points.shape[1]))
    np.add.at(sums, own, points)
    likeness = points @ sums.T
    rows = np.arange(len(points))
    itself = (points * points).sum(axis=1)
    inside = 1 - (likeness[rows, own] - itself) / np.maximum(sizes[own] - 1, 1)
    distances = 1 - likeness / sizes
    distances[rows, own] = np.inf
    outside = distances.min(axis=1)
    widths = (outside - inside) / np.maximum(np.maximum(outside, inside), 1e-12)
    return float(np.where(sizes[own] > 1, widths, 0.0).mean())


def _largest_first(labels: Labels) -> Labels:
    """Numbers from 0 without gaps, by size; of equals the one whose first point comes first."""
    held, first, own, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(len(held), dtype=np.intp)
    ranks[np.lexsort((first, -sizes))] = np.arange(len(held))
    ranked: Labels = ranks[own]
    return ranked
