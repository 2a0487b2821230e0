from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apo.board import Board, Candidate
from apo.evaluate import Outcome
from tests.apo.builders import make_outcome, make_prompt, missing_outcome


def make_board(**outcomes: list[Outcome]) -> Board:
    board = Board()
    for name, scored in outcomes.items():
        board.add(Candidate(name, make_prompt()))
        board.record(name, scored)
    return board


def test_score_is_the_corpus_ratio_and_none_before_any() -> None:
    board = make_board(a=[make_outcome(1, 2, 2), make_outcome(2, 0, 2), missing_outcome(3)], b=[missing_outcome(1)])
    assert board.score("a") == 0.5
    assert board.score("b") is None


def test_gain_is_on_shared_examples_only() -> None:
    board = make_board(
        a=[make_outcome(1, 2, 2), make_outcome(2, 0, 2), make_outcome(3, 0, 2)],
        b=[make_outcome(1, 2, 2), missing_outcome(2), missing_outcome(3)],
        c=[missing_outcome(1)],
    )
    assert board.score("b") == 1.0
    assert board.gain("a", "b") == 0.0
    assert board.gain("a", "c") == 0.0
    assert board.paired("a", "c") is None


tallies = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda pair: (min(pair), max(pair)))
scores = st.dictionaries(st.integers(1, 12), st.none() | tallies, max_size=10)


def outcomes_of(scored: dict[int, tuple[int, int] | None]) -> list[Outcome]:
    return [make_outcome(i, *pair) if pair else missing_outcome(i) for i, pair in scored.items()]


@given(scores, scores)
def test_gain_and_z_change_sign_with_the_sides(a: dict, b: dict) -> None:
    board = make_board(a=outcomes_of(a), b=outcomes_of(b))
    assert board.gain("a", "b") == pytest.approx(-board.gain("b", "a"))
    assert board.z("a", "b") == pytest.approx(-board.z("b", "a"))
    assert board.z("a", "a") == 0.0


@given(scores, scores, st.integers(1, 12))
def test_missing_data_on_one_side_takes_the_example_out_of_both(a: dict, b: dict, lost: int) -> None:
    board = make_board(a=outcomes_of(a), b=outcomes_of({**b, lost: None}))
    without = make_board(
        a=outcomes_of({k: v for k, v in a.items() if k != lost}),
        b=outcomes_of({k: v for k, v in b.items() if k != lost}),
    )
    assert board.gain("a", "b") == without.gain("a", "b")


def test_difficulty_is_the_smoothed_share_of_misses_and_leaves_missing_data_out() -> None:
    board = make_board(a=[make_outcome(1, 0, 2)], b=[make_outcome(1, 0, 2)], c=[missing_outcome(1)])
    assert board.difficulty("e1") == 3 / 4
    assert board.difficulty("e2") == 0.5
