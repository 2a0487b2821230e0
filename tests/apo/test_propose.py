from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.board import Board, Candidate
from apo.moves import Move, apply_moves
from apo.propose import Limits, Proposer, try_moves
from apo.task import gold_demo
from tests.apo.builders import PROMPT, RULES, make_examples, make_prompt
from workbench.prompts import PROSE_SLOTS, Nearest, Prompt, parse_prompt
from workbench.rendering import demo_text, file_demos

BANK = parse_prompt(RULES)
POOL = make_examples(30)
POOL_DEMOS = {demo_text(gold_demo(make_prompt(), example)) for example in POOL}
LOCKED = parse_prompt(PROMPT + '\n# demos\n\n- [d1!] {"text": "Zeta falls", "firms": ["Zeta"]}\n')


def proposals(start: Prompt, limits: Limits, seed: int, *, n: int = 12) -> Iterator[tuple[Prompt, list[Move]]]:
    """Explore, then refine whatever came before; the parent and the moves on it."""
    proposer = Proposer(POOL, BANK, limits, random.Random(seed))
    board = Board()
    parents = [Candidate("c0", start)]
    for number in range(1, n):
        parent = parents[-1 if number % 2 else 0]
        moves = proposer.refine(parent, board, parents[:-1]) if number % 3 else proposer.explore(start, board)
        parent_prompt = parent.prompt if number % 3 else start
        yield parent_prompt, moves
        moved = try_moves(parent_prompt, moves)
        if moved is not None:
            parents.append(Candidate(f"c{number}", moved))


def test_the_same_seed_proposes_the_same() -> None:
    assert list(proposals(LOCKED, Limits(), 3)) == list(proposals(LOCKED, Limits(), 3))
    assert list(proposals(LOCKED, Limits(), 3)) != list(proposals(LOCKED, Limits(), 4))


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(0, 8))
def test_every_proposal_applies_and_keeps_to_the_limits(seed: int, most: int) -> None:
    for parent, moves in proposals(LOCKED, Limits(demos=most, retrieval=()), seed):
        child = apply_moves(parent, moves)
        free = [rule.text for rule in child.rules("demos") if not rule.locked]
        assert len(free) <= most and set(free) <= POOL_DEMOS
        assert child.rule("s2") == LOCKED.rule("s2") and child.rule("d1") == LOCKED.rule("d1")
        assert not isinstance(child.demo_mode, Nearest)
        assert all(move.reason for move in moves)


def test_retrieval_shows_no_more_than_the_limit() -> None:
    seen = [
        move.args["k"]
        for seed in range(4)
        for _, moves in proposals(make_prompt(), Limits(demos=2), seed)
        for move in moves
        if move.kind == "retrieve_demos"
    ]
    assert seen and max(seen) <= 2
    none = [m.kind for seed in range(4) for _, ms in proposals(make_prompt(), Limits(demos=0), seed) for m in ms]
    assert {"retrieve_demos", "set_demos"}.isdisjoint(none)


def test_bank_rules_are_tried_once_in_their_slot() -> None:
    added = set()
    for seed in range(5):
        for parent, moves in proposals(make_prompt(), Limits(), seed):
            added |= {(move.args["slot"], move.args["text"]) for move in moves if move.kind == "add_rule"}
            child = apply_moves(parent, moves)
            texts = [rule.text for slot in PROSE_SLOTS for rule in child.rules(slot)]
            assert len(texts) == len(set(texts))
    assert added == {("after", rule.text) for rule in BANK.rules("after")}


def test_demos_mix_kinds_and_hold_gold_answers() -> None:
    proposer = Proposer(POOL, None, Limits(retrieval=()), random.Random(0))
    filled = empty = 0
    for _ in range(20):
        child = apply_moves(make_prompt(), proposer.explore(make_prompt(), Board()))
        golds = [demo.outputs["firms"] for demo in file_demos(child)]
        filled, empty = filled + sum(map(bool, golds)), empty + golds.count([])
    assert filled > empty > 0


@pytest.mark.parametrize("moves", [[], [Move("delete_rule", {"id": "s2"})], [Move("delete_rule", {"id": "gone"})]])
def test_try_moves_gives_none_when_nothing_changes_or_applies(moves: list[Move]) -> None:
    assert try_moves(make_prompt(), moves) is None


def test_an_engine_that_cannot_hold_answers_to_the_input_is_not_asked_to() -> None:
    kinds = [
        {
            move.kind
            for seed in range(6)
            for _, moves in proposals(make_prompt(), Limits(copying=copying), seed)
            for move in moves
        }
        for copying in (True, False)
    ]
    assert "copy_answers" in kinds[0] and "copy_answers" not in kinds[1]


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.integers(0, 9), st.sampled_from([(), ("bm25",)]))
def test_a_request_never_shows_more_demos_than_the_limit(seed: int, k: int, retrieval: tuple[str, ...]) -> None:
    start = apply_moves(LOCKED, [Move("retrieve_demos", {"method": "bm25", "k": k})])
    for parent, moves in proposals(start, Limits(demos=4, retrieval=retrieval), seed):
        child = apply_moves(parent, moves)
        shown = len(file_demos(child)) + (child.demo_mode.k if isinstance(child.demo_mode, Nearest) else 0)
        assert shown <= max(4, k + 1) if child.demo_mode == start.demo_mode else shown <= 4
