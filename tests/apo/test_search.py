from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.board import Board, Candidate
from apo.evaluate import Evaluator
from apo.moves import Move, apply_moves
from apo.propose import Limits, Proposer
from apo.race import race_cost, stretches
from apo.search import Event, Plan, Reflector, Search, SearchResult, planned_calls, split_final
from lm.base import Request
from lm.budget import Budget
from lm.fake import Answer
from tests.apo.builders import (
    RULES,
    STRINGS,
    asked_text,
    by_demos,
    make_examples,
    make_prompt,
    make_road,
    random_answer,
)
from workbench.errors import ModelError
from workbench.prompts import parse_prompt
from workbench.rendering import file_demos

DOWN = ModelError("no answer", cause="server")


@dataclass
class Ran:
    result: SearchResult
    events: list[Event]
    asked: int
    calls: int


def search(
    answer: Callable[[Request], Answer],
    plan: Plan,
    *,
    n: int = 48,
    budget: Budget | None = None,
    reflector: Reflector | None = None,
    limits: Limits | None = None,
) -> Ran:
    examples = make_examples(n)
    road, engine = make_road(answer, budget=budget)
    evaluator = Evaluator(road, STRINGS, pool=examples)
    proposer = Proposer(examples, parse_prompt(RULES), limits or Limits(), random.Random(plan.seed))
    events: list[Event] = []
    searching = Search(evaluator, proposer, examples, plan, observe=events.append, reflector=reflector)
    result = anyio.run(searching.run, make_prompt())
    return Ran(result, events, len(evaluator.asked), engine.calls)


PLAN = Plan(calls=500, heat=12, width=4, seed=1)


@cache
def standard() -> Ran:
    """The search that most tests look at."""
    return search(by_demos, PLAN)


def test_the_same_seed_and_replies_give_the_same_events() -> None:
    first, second = standard(), search(by_demos, PLAN)
    assert first.events == second.events
    assert first.result.champion == second.result.champion
    assert search(by_demos, Plan(calls=500, heat=12, width=4, seed=2)).events != first.events


def test_a_search_finds_a_better_prompt() -> None:
    ran = standard()
    board, champion = ran.result.board, ran.result.champion
    assert champion.name != "c0"
    assert board.gain("c0", champion.name) > 0.1
    assert ran.result.rounds >= 2


@settings(max_examples=6)
@given(st.integers(0, 400), st.integers(2, 8), st.integers(1, 60), st.integers(0, 99), st.booleans())
def test_distinct_requests_never_exceed_the_plan(calls: int, width: int, n: int, seed: int, faulty: bool) -> None:
    def answer(request: Request) -> Answer:
        text = "".join(message.content for message in request.messages)
        return DOWN if faulty and len(text) % 5 == 0 else random_answer(request)

    ran = search(answer, Plan(calls, heat=8, width=width, seed=seed), n=n)
    assert ran.asked <= calls
    assert ran.result.champion.name in ran.result.board.candidates


def test_every_candidate_can_be_replayed_from_its_events() -> None:
    prompts: dict[str, Any] = {}
    for event in standard().events:
        if event.kind != "candidate":
            continue
        fields = event.fields
        moves = [Move(**move) for move in fields["moves"]]
        parent = prompts[fields["parent"]] if fields["parent"] else make_prompt()
        prompts[fields["candidate"]] = apply_moves(parent, moves)
        assert prompts[fields["candidate"]].text == fields["prompt"]
    assert len({prompt.text for prompt in prompts.values()}) == len(prompts) > 8


def test_no_candidate_is_scored_on_its_demos() -> None:
    board = standard().result.board
    checked = 0
    for name, candidate in board.candidates.items():
        shown = {demo.inputs["text"] for demo in file_demos(candidate.prompt)}
        scored = {outcome.example.inputs["text"] for outcome in board.outcomes[name].values()}
        assert shown.isdisjoint(scored)
        checked += bool(shown and scored)
    assert checked > 3


def test_the_champion_was_scored_on_all_but_its_demos() -> None:
    ran = standard()
    prompt = ran.result.champion.prompt
    shown = len(file_demos(prompt))
    assert len(ran.result.board.tallies(ran.result.champion.name)) == 48 - shown


def test_failed_calls_are_left_out_and_not_asked_again() -> None:
    failed: list[str] = []

    def answer(request: Request) -> Answer:
        if int(asked_text(request).split()[-1]) % 4 == 1:
            failed.append("\n".join(message.content for message in request.messages))
            return DOWN
        return by_demos(request)

    ran = search(answer, PLAN)
    assert failed and len(failed) == len(set(failed))
    ids = {id_ for name in ran.result.board.candidates for id_ in ran.result.board.tallies(name)}
    assert all(int(id_[1:]) % 4 != 1 for id_ in ids)
    assert ran.result.champion.name != "c0"


def test_a_model_that_never_answers_leaves_the_start() -> None:
    ran = search(lambda request: DOWN, PLAN)
    assert ran.result.champion.name == "c0"


def test_a_budget_that_runs_out_ends_the_search_with_its_best() -> None:
    ran = search(by_demos, PLAN, budget=Budget(max_calls=200))
    assert ran.result.stopped == "budget"
    assert ran.calls == 200
    board = ran.result.board
    assert len(board.tallies(ran.result.champion.name)) >= 0.8 * max(len(board.tallies(n)) for n in board.candidates)


def test_too_few_calls_ask_nothing() -> None:
    ran = search(by_demos, Plan(calls=20, heat=12))
    assert (ran.calls, ran.result.champion.name, ran.result.stopped) == (0, "c0", "calls")


def test_a_search_without_ideas_says_so() -> None:
    ran = search(by_demos, Plan(calls=2_000, heat=12, width=4), limits=Limits(demos=0, retrieval=()))
    assert ran.result.stopped == "ideas"
    assert ran.asked < 2_000


class OneRule:
    """Proposes the same rule for whatever leads."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    async def propose(self, candidate: Candidate, board: Board, n: int) -> list[list[Move]]:
        self.asked.append((candidate.name, n))
        return [[Move("add_rule", {"slot": "before", "text": "Names only."}, "failures on verbs")]]


def test_a_reflector_proposes_for_the_champion_after_the_first_round() -> None:
    reflector = OneRule()
    ran = search(by_demos, PLAN, reflector=reflector)
    champions = [event.fields["champion"] for event in ran.events if event.kind == "round"]
    assert [name for name, _ in reflector.asked] == champions[: len(reflector.asked)]
    assert all(n >= 1 for _, n in reflector.asked)
    reasons = [move.reason for c in ran.result.board.candidates.values() for move in c.moves]
    assert "failures on verbs" in reasons


@pytest.mark.parametrize("calls", [100, 500, 1200])
def test_planned_calls_is_what_the_first_round_takes_at_most(calls: int) -> None:
    plan = Plan(calls, heat=12)
    assert planned_calls(plan, 48) <= calls
    parts, _ = split_final(stretches(48, 12))
    assert planned_calls(plan, 48) in {0, *(race_cost(width, parts) for width in range(2, 40))}
