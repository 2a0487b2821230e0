from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.board import Board, Candidate
from apo.race import field_sizes, race, race_cost, rank, stretches, widest
from tests.apo.builders import make_outcome, make_prompt, missing_outcome


class Track:
    """Candidates of known skill: `c5` gets half of its examples right, spread evenly."""

    def __init__(self, skills: dict[str, float], *, lost: frozenset[tuple[str, int]] = frozenset()) -> None:
        self.skills = skills
        self.lost = lost
        self.board = Board()
        self.ran: list[tuple[str, int, int]] = []
        for name in skills:
            self.board.add(Candidate(name, make_prompt()))

    async def run(self, name: str, start: int, end: int) -> None:
        fresh = [i for i in range(start, end) if f"e{i}" not in self.board.outcomes[name]]
        if not fresh:
            return
        self.ran.append((name, start, end))
        self.board.record(name, [self.outcome(name, i) for i in fresh])

    def outcome(self, name: str, number: int):
        if (name, number) in self.lost:
            return missing_outcome(number)
        return make_outcome(number, 1.0 if (number * 7) % 10 < 10 * self.skills[name] else 0.0, 1.0)

    @property
    def cost(self) -> int:
        return sum(end - start for _, start, end in self.ran)


@given(st.integers(1, 2000), st.integers(8, 100))
def test_stretches_cover_every_example_once_and_grow(n: int, heat: int) -> None:
    parts = stretches(n, heat)
    assert [i for start, end in parts for i in range(start, end)] == list(range(n))
    ends = [end for _, end in parts]
    assert all(later >= 2 * sooner for sooner, later in pairwise(ends[:-1]))


@given(st.integers(2, 40), st.integers(1, 8))
def test_field_sizes_never_grow_and_keep_two(width: int, n: int) -> None:
    sizes = field_sizes(width, n)
    assert sizes[0] == width and len(sizes) == n
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] >= 2


@given(st.integers(0, 5000), st.integers(2, 30), st.integers(8, 300))
def test_widest_is_the_widest_that_fits(budget: int, most: int, n: int) -> None:
    parts = stretches(n, 12)
    width = widest(budget, most, parts)
    assert width == 0 or race_cost(width, parts) <= budget
    assert width == most or race_cost(max(2, width + 1), parts) > budget


skills = st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), min_size=2, max_size=12)


@settings(max_examples=40)
@given(skills, st.integers(8, 120), st.booleans())
def test_a_race_never_exceeds_its_cost(levels: list[float], n: int, defended: bool) -> None:
    names = {f"c{i}": level for i, level in enumerate(levels)}
    track = Track({**names, "old": 0.5})
    parts = stretches(n, 8)

    async def both() -> None:
        if defended:
            await track.run("old", 0, n)
            track.ran.clear()
        await race(track.board, list(names), "old" if defended else None, parts, track.run)

    anyio.run(both)
    assert track.cost <= race_cost(len(names), parts)


def test_the_best_of_a_clear_field_wins() -> None:
    track = Track({"a": 0.2, "b": 0.9, "c": 0.4, "d": 0.3})
    assert anyio.run(race, track.board, list(track.skills), None, stretches(60, 10), track.run) == "b"


def test_the_champion_stays_on_a_tie_and_falls_to_a_better_one() -> None:
    for skill, expected in ((0.5, "old"), (0.2, "old"), (0.8, "new")):
        track = Track({"old": 0.5, "new": skill, "other": 0.1})
        assert anyio.run(race, track.board, ["new", "other"], "old", stretches(60, 10), track.run) == expected


def test_hopeless_challengers_stop_the_race_early() -> None:
    track = Track({"old": 0.9, "a": 0.1, "b": 0.1})
    assert anyio.run(race, track.board, ["a", "b"], "old", stretches(80, 10), track.run) == "old"
    assert max(end for name, _, end in track.ran if name != "old") == 10


@pytest.mark.parametrize("champion", [None, "good"])
def test_ranking_uses_shared_examples_so_failed_calls_help_nobody(champion: str | None) -> None:
    """`poor` lost every call on which it would have been wrong; its own score is perfect."""
    hard = frozenset(("poor", i) for i in range(40) if (i * 7) % 10 >= 3)
    track = Track({"good": 0.6, "poor": 0.3, "fair": 0.5}, lost=hard)

    async def run_all() -> None:
        for name in track.skills:
            await track.run(name, 0, 40)

    anyio.run(run_all)
    assert track.board.score("poor") == 1.0
    assert rank(track.board, ["poor", "fair", "good"], champion)[-1] != "good"
    assert rank(track.board, ["good", "poor"], champion)[0] == "good"


@settings(max_examples=30)
@given(skills, st.sets(st.tuples(st.integers(0, 11), st.integers(0, 19)), max_size=20))
def test_failed_calls_do_not_turn_equal_prompts_into_better_or_worse(levels: list[float], lost: set) -> None:
    names = {f"c{i}": 0.5 for i in range(len(levels))}
    track = Track(names, lost=frozenset((f"c{i}", number) for i, number in lost))

    async def run_all() -> None:
        for name in names:
            await track.run(name, 0, 20)

    anyio.run(run_all)
    assert rank(track.board, list(names), None) == list(names)
