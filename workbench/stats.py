"""Intervals, paired tests and power for figures that are ratios of sums over documents.

A sample is one numerator and one denominator per document (see `workbench.metrics`); the figure is
`sum(num) / sum(den)`, 1.0 where the denominators sum to 0. Documents are the independent units: whatever is resampled
or swapped is a whole document, because the names within one stand or fall together. All randomness comes from the
generator passed in.

    a, b = Sample.of(before), Sample.of(after)      # the same documents, in the same order
    paired_gain(a, b, rng=rng)                      # Interval of ratio(b) - ratio(a)
    paired_test(a, b, kind="f1", rng=rng)           # one-sided p that b is better
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError, UsageError
from workbench.metrics import Kind, Tally

FloatArray = NDArray[np.float64]

_CHUNK_CELLS = 1_000_000
"""Resamples times documents held in memory at once."""
_MAX_ENUMERATED = 14
"""Up to this many discordant documents, all 2^n swaps are counted instead of drawn."""
_TOLERANCE = 1e-12
"""Two gains closer than this are a tie, so that rounding never makes a result look rarer than it is."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its confidence interval."""

    value: float
    low: float
    high: float
    n: int
    """Documents."""
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Per-document numerators and denominators of one system.

    Raises:
        DataError: no document, different lengths, or a value that is not finite (leave missing documents out).
    """

    num: FloatArray
    """(n,)"""
    den: FloatArray
    """(n,)"""

    def __post_init__(self) -> None:
        if self.num.ndim != 1 or self.num.shape != self.den.shape or not self.num.size:
            raise DataError(
                f"a sample needs one numerator and one denominator per document, of at least one document;"
                f" got shapes {self.num.shape} and {self.den.shape}"
            )
        if not (np.isfinite(self.num).all() and np.isfinite(self.den).all()):
            raise DataError("a sample holds a value that is not finite; leave out documents without an answer")

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> Sample:
        """Collect the tallies of the documents, in their order."""
        pairs = [(tally.num, tally.den) for tally in tallies]
        columns = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return cls(columns[:, 0], columns[:, 1])

    @classmethod
    def of_groups(cls, tallies: Iterable[Tally], groups: Iterable[str]) -> Sample:
        """Sum the tallies of each group, such as the replies of a call: they are one document, in order of the first.

        Args:
            tallies: of the parts.
            groups: for each part the name of its group.
        """
        members: dict[str, list[Tally]] = {}
        for tally, group in zip(tallies, groups, strict=True):
            members.setdefault(group, []).append(tally)
        return cls.of(Tally(sum(t.num for t in each), sum(t.den for t in each)) for each in members.values())

    @property
    def n(self) -> int:
        """Documents."""
        return self.num.size

    @property
    def ratio(self) -> float:
        """The corpus figure."""
        return float(_divide(self.num.sum(), self.den.sum()))


def bootstrap_interval(
    num: FloatArray, den: FloatArray, *, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 4000
) -> Interval:
    """Percentile bootstrap interval of `sum(num) / sum(den)`, documents resampled with replacement.

    Percentile and not BCa: on simulated F1 data with 15 to 120 documents the two cover alike from 30 documents on,
    and for paired gains the percentile interval covers no worse at 15. Below 30 documents expect about 90 % where 95 %
    is asked. A sample without any variation gets an interval of no width.
    """
    sample = Sample(num, den)
    sums = _resampled_sums(np.stack([num, den], axis=1), rng=rng, resamples=resamples)
    return _percentile_interval(sample.ratio, _divide(sums[:, 0], sums[:, 1]), n=sample.n, confidence=confidence)


def paired_gain(
    a: Sample, b: Sample, *, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 4000
) -> Interval:
    """Percentile bootstrap interval of `b.ratio - a.ratio`, each resample drawing the same documents for both."""
    _check_paired(a, b)
    sums = _resampled_sums(np.stack([a.num, a.den, b.num, b.den], axis=1), rng=rng, resamples=resamples)
    gains = _divide(sums[:, 2], sums[:, 3]) - _divide(sums[:, 0], sums[:, 1])
    return _percentile_interval(b.ratio - a.ratio, gains, n=a.n, confidence=confidence)


def paired_test(a: Sample, b: Sample, *, kind: Kind, rng: np.random.Generator) -> float:
    """One-sided p that b is better than a: exact McNemar for 0/1 scores, else the sign-flip test."""
    _check_paired(a, b)
    if kind == "mean" and _is_binary(a) and _is_binary(b):
        return mcnemar_exact(int((b.num > a.num).sum()), int((a.num > b.num).sum()))
    return sign_flip_test(a, b, rng=rng)


def sign_flip_test(a: Sample, b: Sample, *, rng: np.random.Generator, permutations: int = 20_000) -> float:
    """One-sided p that b is better: how often swapping a and b per document, at random, gains as much as observed.

    The null is that the two are interchangeable document by document; then P(p <= alpha) <= alpha at any n. With at
    most 14 discordant documents every swap is counted; else p = (1 + hits) / (1 + permutations), the observed labelling
    counted among the draws (Phipson and Smyth 2010). Documents scored alike by both are never swapped: nothing changes.
    """
    _check_paired(a, b)
    change = np.stack([b.num - a.num, b.den - a.den], axis=1)
    change = change[change.any(axis=1)]
    n_discordant = len(change)
    enumerated = n_discordant <= _MAX_ENUMERATED
    masks = _all_masks(n_discordant) if enumerated else _random_masks(n_discordant, permutations, rng=rng)
    threshold = b.ratio - a.ratio - _TOLERANCE
    hits = total = 0
    for mask in masks:
        moved = mask.astype(np.float64) @ change
        ratio_a = _divide(a.num.sum() + moved[:, 0], a.den.sum() + moved[:, 1])
        ratio_b = _divide(b.num.sum() - moved[:, 0], b.den.sum() - moved[:, 1])
        hits += int((ratio_b - ratio_a >= threshold).sum())
        total += len(mask)
    return hits / total if enumerated else (1 + hits) / (1 + total)


def mcnemar_exact(fixes: int, breaks: int) -> float:
    """One-sided exact p that fixes outnumber breaks: P(Binomial(fixes + breaks, 1/2) >= fixes)."""
    from scipy.stats import binom

    return float(binom.sf(fixes - 1, fixes + breaks, 0.5))


def paired_sd(a: Sample, b: Sample) -> float:
    """Standard deviation over documents of the linearised gain; its standard error is this over sqrt(n).

    Each document counts with its influence on the ratio, `(num - ratio * den) / mean(den)` (the delta method), so that
    a ratio of sums has a standard deviation like a mean has. 0.0 for a single document.
    """
    _check_paired(a, b)
    return float(np.std(_influence(b) - _influence(a), ddof=1)) if a.n > 1 else 0.0


def minimum_detectable_effect(sd: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true gain that a one-sided paired test on n documents finds with the given power (normal theory)."""
    if n < 1:
        raise UsageError(f"n is {n}; give at least one document")
    return _quantiles(alpha, power) * sd / math.sqrt(n)


def n_for_power(sd: float, effect: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Documents that a one-sided paired test needs to find a true gain of `effect` (normal theory), at least 1.

    For 0/1 scores `sd` is about the square root of the share of documents on which the two differ.
    """
    if effect <= 0:
        raise UsageError(f"effect is {effect!r}; give the gain to detect as a positive number, e.g. 0.05 for 5 points")
    return max(1, math.ceil((_quantiles(alpha, power) * sd / effect) ** 2))


def _quantiles(alpha: float, power: float) -> float:
    """Standard errors between the null and the effect that alpha and power ask for."""
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)


def _divide(num: FloatArray | np.float64, den: FloatArray | np.float64) -> FloatArray:
    """Ratio, element by element; 1.0 where the denominator is 0: nothing to find and nothing claimed."""
    num, den = np.asarray(num, dtype=np.float64), np.asarray(den, dtype=np.float64)
    return np.divide(num, den, out=np.ones_like(num), where=den > 0)


def _influence(sample: Sample) -> FloatArray:
    """(n,) effect of each document on the ratio, times n."""
    mean_den = float(sample.den.mean())
    return (sample.num - sample.ratio * sample.den) / mean_den if mean_den > 0 else np.zeros(sample.n)


def _resampled_sums(columns: FloatArray, *, rng: np.random.Generator, resamples: int) -> FloatArray:
    """(resamples, k) column sums of the (n, k) columns over n rows drawn with replacement."""
    n, k = columns.shape
    sums = np.empty((resamples, k))
    for rows in _chunks(resamples, width=n):
        sums[rows] = columns[rng.integers(n, size=(rows.stop - rows.start, n))].sum(axis=1)
    return sums


def _random_masks(n: int, permutations: int, *, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """Yield (rows, n) chunks of independent fair coin flips, `permutations` rows in all."""
    for rows in _chunks(permutations, width=n):
        yield rng.random((rows.stop - rows.start, n)) < 0.5


def _all_masks(n: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the one (2^n, n) array of all swaps, no swap first."""
    yield (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def _chunks(total: int, *, width: int) -> Iterator[slice]:
    """Cut `total` rows into slices of at most `_CHUNK_CELLS` cells."""
    step = max(1, _CHUNK_CELLS // max(1, width))
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


def _percentile_interval(value: float, draws: FloatArray, *, n: int, confidence: float) -> Interval:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high), n, confidence)


def _is_binary(sample: Sample) -> bool:
    return bool(np.isin(sample.num, (0.0, 1.0)).all() and (sample.den == 1.0).all())


def _check_paired(a: Sample, b: Sample) -> None:
    if a.n != b.n:
        raise DataError(f"paired samples need the same documents: a has {a.n}, b has {b.n}; score both on one file")
