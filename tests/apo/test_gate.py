from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apo.evaluate import Outcome
from apo.gate import Verdict, alpha_of, charge_look, decide, ledger_path, question_key
from tests.apo.builders import make_outcome, missing_outcome
from workbench.errors import DataError
from workbench.metrics import Kind


def verdict_of(start: list[Outcome], champion: list[Outcome], *, kind: Kind = "f1", alpha: float = 0.05) -> Verdict:
    return decide(start, champion, kind=kind, alpha=alpha, rng=np.random.default_rng(0))


def scored(pairs: list[tuple[float, float]]) -> list[Outcome]:
    return [make_outcome(i, num, den) for i, (num, den) in enumerate(pairs)]


@pytest.mark.parametrize("kind", ["f1", "mean"])
@pytest.mark.parametrize("alpha", [0.05, 0.025])
def test_null_data_passes_at_most_alpha_of_the_time(kind: Kind, alpha: float) -> None:
    """Under the null each document's two scores may as well be swapped: all swaps, counted."""
    rng = np.random.default_rng(3)
    n = 7
    if kind == "mean":
        one, other = scored([(1, 1)] * n), scored([(0, 1)] * n)
    else:
        one = scored([(2.0 * int(rng.integers(0, 2)), 2.0 + int(rng.integers(0, 2))) for _ in range(n)])
        other = scored([(2.0 * int(rng.integers(0, 2)), 2.0 + int(rng.integers(0, 2))) for _ in range(n)])
    passed = 0
    for swaps in itertools.product([False, True], repeat=n):
        start = [b if swap else a for a, b, swap in zip(one, other, swaps, strict=True)]
        champion = [a if swap else b for a, b, swap in zip(one, other, swaps, strict=True)]
        passed += verdict_of(start, champion, kind=kind, alpha=alpha).passed
    assert passed <= alpha * 2**n


@pytest.mark.parametrize("kind", ["f1", "mean"])
def test_equal_prompts_never_pass(kind: Kind) -> None:
    same = scored([(1, 1), (0, 1)] * 20)
    verdict = verdict_of(same, same, kind=kind)
    assert not verdict.passed
    assert (verdict.p, verdict.gain.value, verdict.fixes, verdict.breaks) == (1.0, 0.0, 0, 0)


def test_a_clear_gain_passes_with_its_figures() -> None:
    start = scored([(0, 2)] * 20 + [(2, 2)] * 20)
    champion = scored([(2, 2)] * 18 + [(0, 2)] * 2 + [(2, 2)] * 19 + [(0, 2)])
    verdict = verdict_of(start, champion)
    assert verdict.passed and verdict.p < 0.001
    assert (verdict.fixes, verdict.breaks, verdict.missing) == (18, 1, 0)
    assert (verdict.start.value, verdict.champion.value) == (0.5, pytest.approx(0.925))
    assert verdict.gain.low > 0 and verdict.gain.confidence == pytest.approx(0.9)
    assert 0 < verdict.detectable < 0.5


def test_a_clear_loss_does_not_pass() -> None:
    assert not verdict_of(scored([(2, 2)] * 20), scored([(0, 2)] * 20)).passed


def test_missing_data_is_left_out_of_both_sides() -> None:
    start = [*scored([(0, 2)] * 30), missing_outcome(30)]
    champion = [*scored([(2, 2)] * 29), missing_outcome(29), make_outcome(30, 0, 2)]
    verdict = verdict_of(start, champion)
    assert (verdict.missing, verdict.gain.n, verdict.breaks) == (2, 29, 0)
    assert verdict.champion.value == 1.0


def test_too_much_missing_data_gives_no_verdict() -> None:
    start = scored([(0, 2)] * 20)
    champion = [*scored([(2, 2)] * 17), *(missing_outcome(number) for number in (17, 18, 19))]
    with pytest.raises(DataError, match=r"3 of 20 sealed examples have no answer.*resume the run"):
        verdict_of(start, champion)
    with pytest.raises(DataError, match="no verdict"):
        verdict_of([missing_outcome(1)], [missing_outcome(1)])


@given(st.floats(0.001, 0.499), st.integers(1, 60))
def test_the_shares_of_alpha_sum_to_less_than_alpha(alpha: float, looks: int) -> None:
    shares = [alpha_of(alpha, look) for look in range(1, looks + 1)]
    assert sum(shares) <= alpha
    assert shares == sorted(shares, reverse=True) and min(shares) > 0


def test_a_question_keeps_its_look_and_another_takes_the_next(tmp_path: Path) -> None:
    ledger = ledger_path(tmp_path / "sealed.jsonl")
    asked = [question_key("start", name, "model") for name in ("a", "b", "a", "c", "b")]
    assert [charge_look(ledger, "sha", key, lambda: 0.0) for key in asked] == [1, 2, 1, 3, 2]
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 3


def test_another_sealed_content_begins_anew(tmp_path: Path) -> None:
    ledger = ledger_path(tmp_path / "sealed.jsonl")
    assert ledger == tmp_path / "sealed.looks.jsonl"
    assert charge_look(ledger, "one", "question", lambda: 0.0) == 1
    assert charge_look(ledger, "one", "other", lambda: 0.0) == 2
    assert charge_look(ledger, "two", "third", lambda: 0.0) == 1


def test_a_torn_ledger_line_is_no_look(tmp_path: Path) -> None:
    ledger = tmp_path / "sealed.looks.jsonl"
    charge_look(ledger, "sha", "first", lambda: 0.0)
    with ledger.open("a", encoding="utf-8") as file:
        file.write('{"sealed_sha256": "sha", "quest')
    assert charge_look(ledger, "sha", "second", lambda: 0.0) == 2


def test_questions_differ_by_either_prompt_and_by_model() -> None:
    keys = {question_key(*names) for names in itertools.product("ab", repeat=3)}
    assert len(keys) == 8


def test_two_runs_at_once_are_two_looks(tmp_path: Path) -> None:
    ledger = tmp_path / "sealed.looks.jsonl"
    with ThreadPoolExecutor(8) as pool:
        looks = list(pool.map(lambda n: charge_look(ledger, "file", f"question {n}", lambda: 0.0), range(24)))
    assert sorted(looks) == list(range(1, 25))
