from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from workbench.errors import DataError, UsageError
from workbench.metrics import Counts, Tally, ratio
from workbench.stats import (
    Sample,
    bootstrap_interval,
    mcnemar_exact,
    minimum_detectable_effect,
    n_for_power,
    paired_gain,
    paired_sd,
    paired_test,
    sign_flip_test,
)

TALLIES = st.lists(
    st.builds(lambda tp, rest: Tally(2.0 * tp, 2.0 * tp + rest), st.integers(0, 4), st.integers(0, 4)),
    min_size=1,
    max_size=30,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def f1_sample(generator: np.random.Generator, n: int, difficulty: np.ndarray | None = None) -> Sample:
    """Clustered F1 data: a third of the documents empty, names within a document found or missed together."""
    gold = np.where(generator.random(n) < 0.33, 0, generator.geometric(0.6, n))
    skill = generator.beta(1.2, 1.2, n) if difficulty is None else difficulty
    tp, fp = generator.binomial(gold, skill), generator.poisson(0.6 * (1 - skill))
    return Sample((2 * tp).astype(float), (tp + fp + gold).astype(float))


def binary(values: list[int]) -> Sample:
    return Sample.of([Tally(float(value), 1.0) for value in values])


@given(TALLIES)
def test_sample_ratio_is_the_metric_ratio(tallies: list[Tally]) -> None:
    assert Sample.of(tallies).ratio == pytest.approx(ratio(tallies))


@pytest.mark.parametrize(
    ("num", "den"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]]), ([math.nan], [1.0]), ([1.0], [math.inf])]
)
def test_sample_refuses_what_is_no_sample(num: list[float], den: list[float]) -> None:
    with pytest.raises(DataError):
        Sample(np.array(num), np.array(den))


def test_the_parts_of_a_group_are_one_document() -> None:
    sample = Sample.of_groups([Tally(1, 2), Tally(3, 4), Tally(5, 6)], ["x", "y", "x"])
    assert (sample.num.tolist(), sample.den.tolist()) == ([6, 3], [8, 4])


def test_paired_functions_refuse_different_documents() -> None:
    for function in (paired_gain, sign_flip_test):
        with pytest.raises(DataError, match="a has 1, b has 2"):
            function(binary([1]), binary([1, 0]), rng=rng())


@given(TALLIES)
@settings(max_examples=30)
def test_identical_samples_gain_nothing_and_are_never_significant(tallies: list[Tally]) -> None:
    sample = Sample.of(tallies)
    gain = paired_gain(sample, sample, rng=rng(), resamples=200)
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)
    assert sign_flip_test(sample, sample, rng=rng()) == 1.0
    assert paired_sd(sample, sample) == 0.0


@given(TALLIES)
@settings(max_examples=30)
def test_bootstrap_interval_lies_in_range_and_repeats_with_its_seed(tallies: list[Tally]) -> None:
    sample = Sample.of(tallies)
    interval = bootstrap_interval(sample.num, sample.den, rng=rng(3), resamples=200)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.n == len(tallies)
    assert interval == bootstrap_interval(sample.num, sample.den, rng=rng(3), resamples=200)


def test_bootstrap_interval_covers_clustered_f1() -> None:
    generator = rng(1)
    truth = f1_sample(generator, 400_000).ratio
    covered = 0
    for _ in range(200):
        sample = f1_sample(generator, 40)
        interval = bootstrap_interval(sample.num, sample.den, rng=generator, resamples=500)
        covered += interval.low <= truth <= interval.high
    assert covered / 200 >= 0.90


def test_paired_gain_covers_the_true_gain() -> None:
    generator = rng(2)

    def pair(n: int) -> tuple[Sample, Sample]:
        skill = generator.beta(1.2, 1.2, n)
        return f1_sample(generator, n, skill), f1_sample(generator, n, np.minimum(1.0, skill + 0.1))

    a, b = pair(400_000)
    truth, covered = b.ratio - a.ratio, 0
    for _ in range(200):
        gain = paired_gain(*pair(40), rng=generator, resamples=500)
        covered += gain.low <= truth <= gain.high
    assert covered / 200 >= 0.90


def test_bootstrap_is_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = f1_sample(rng(4), 50)
    whole = bootstrap_interval(sample.num, sample.den, rng=rng(5))
    monkeypatch.setattr("workbench.stats._CHUNK_CELLS", 700)
    assert bootstrap_interval(sample.num, sample.den, rng=rng(5)) == whole


@pytest.mark.parametrize("n", [10, 40])
def test_sign_flip_p_is_super_uniform_under_the_null(n: int) -> None:
    generator, sims = rng(6), 300
    low = 0
    for _ in range(sims):
        skill = generator.beta(1.2, 1.2, n)
        a, b = f1_sample(generator, n, skill), f1_sample(generator, n, skill)
        low += sign_flip_test(a, b, rng=generator, permutations=500) <= 0.05
    assert low <= binom.ppf(0.999, sims, 0.05)


def test_sign_flip_enumeration_agrees_with_counting_by_hand() -> None:
    a, b = binary([0, 0, 0, 1, 1]), binary([1, 1, 1, 1, 0])
    assert sign_flip_test(a, b, rng=rng()) == 5 / 16


def test_sign_flip_draws_agree_with_the_exact_test() -> None:
    a, b = binary([0] * 14 + [1] * 6), binary([1] * 14 + [0] * 6)
    assert sign_flip_test(a, b, rng=rng()) == pytest.approx(mcnemar_exact(14, 6), abs=0.006)


def test_sign_flip_never_reports_zero() -> None:
    assert sign_flip_test(binary([0] * 60), binary([1] * 60), rng=rng(), permutations=99) == 0.01


@given(TALLIES, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_sign_flip_p_values_of_both_directions_cover_all_swaps(tallies: list[Tally], random: Random) -> None:
    few = tallies[:14]
    a, b = Sample.of(few), Sample.of(random.sample(few, len(few)))
    assert sign_flip_test(a, b, rng=rng()) + sign_flip_test(b, a, rng=rng()) >= 1.0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_scipy(fixes: int, breaks: int) -> None:
    n = fixes + breaks
    expected = binomtest(fixes, n, 0.5, alternative="greater").pvalue if n else 1.0
    assert mcnemar_exact(fixes, breaks) == pytest.approx(expected)


def test_paired_test_takes_mcnemar_for_binary_means() -> None:
    a, b = binary([0] * 20 + [1] * 5), binary([1] * 20 + [0] * 5)
    assert paired_test(a, b, kind="mean", rng=rng()) == mcnemar_exact(20, 5)


def test_paired_test_takes_sign_flips_otherwise() -> None:
    a, b = f1_sample(rng(7), 40), f1_sample(rng(8), 40)
    assert paired_test(a, b, kind="f1", rng=rng()) == sign_flip_test(a, b, rng=rng())
    halves = Sample(a.num / 100, np.ones(40))
    assert paired_test(halves, b, kind="mean", rng=rng()) == sign_flip_test(halves, b, rng=rng())


def test_paired_sd_of_means_is_the_sd_of_differences() -> None:
    a, b = binary([0, 0, 1, 1, 0]), binary([1, 0, 1, 0, 1])
    assert paired_sd(a, b) == pytest.approx(np.std(b.num - a.num, ddof=1))
    assert paired_sd(binary([0]), binary([1])) == 0.0


def test_paired_sd_predicts_the_bootstrap_standard_error() -> None:
    a, b = f1_sample(rng(9), 400), f1_sample(rng(10), 400)
    gain = paired_gain(a, b, rng=rng())
    assert paired_sd(a, b) / math.sqrt(400) == pytest.approx((gain.high - gain.low) / (2 * 1.96), rel=0.06)


def test_n_for_power_matches_the_literature() -> None:
    """McNemar at 5 points and discordance 0.2: Connor (1987) gives 493, plain normal theory lies 0.4 % above."""
    shrunk = 1.6449 * math.sqrt(0.2) + 0.8416 * math.sqrt(0.2 - 0.05**2)
    assert math.ceil((shrunk / 0.05) ** 2) == 493
    assert n_for_power(math.sqrt(0.2), 0.05) == 495


@given(st.floats(0.05, 2.0), st.floats(0.005, 0.5))
def test_n_for_power_and_detectable_effect_are_inverse(sd: float, effect: float) -> None:
    n = n_for_power(sd, effect)
    assert minimum_detectable_effect(sd, n) <= effect * (1 + 1e-9)
    assert n == 1 or minimum_detectable_effect(sd, n - 1) > effect * (1 - 1e-9)


def test_power_reaches_its_promise() -> None:
    generator, sims = rng(11), 400
    n = n_for_power(0.5, 0.1)
    found = 0
    for _ in range(sims):
        difference = generator.choice([-1, 0, 1], p=[0.08, 0.74, 0.18], size=n)
        found += mcnemar_exact(int((difference > 0).sum()), int((difference < 0).sum())) <= 0.05
    assert 0.72 <= found / sims <= 0.88


def test_power_functions_refuse_senseless_input() -> None:
    with pytest.raises(UsageError, match="effect"):
        n_for_power(0.5, 0.0)
    with pytest.raises(UsageError, match="n is 0"):
        minimum_detectable_effect(0.5, 0)


def test_sample_of_counts_keeps_their_f1() -> None:
    counts = [Counts(1, 0, 2), Counts(0, 1, 0), Counts()]
    sample = Sample.of([Tally(2.0 * c.tp, 2.0 * c.tp + c.fp + c.fn) for c in counts])
    assert sample.ratio == sum(counts, Counts()).f1
