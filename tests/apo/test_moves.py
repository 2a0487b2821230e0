from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.moves import APPLY, KINDS, Move, apply_moves
from apo.propose import try_moves
from apo.task import gold_demo
from tests.apo.builders import PROMPT, make_examples, make_prompt
from workbench.errors import UsageError
from workbench.prompts import PROSE_SLOTS, Fixed, Nearest, Prompt, parse_prompt
from workbench.rendering import demo_text, file_demos

LOCKED_DEMO = '- [d9!] {"text": "Zeta falls", "firms": ["Zeta"]}'
START = parse_prompt(f'{PROMPT}\n# demos\n\n- [d1] {{"text": "Acme", "firms": ["Acme"]}}\n{LOCKED_DEMO}\n')
DEMOS = [demo_text(gold_demo(START, example)) for example in make_examples(6)]

rule_ids = st.sampled_from(["s1", "s2", "s3", "a1", "a2", "b1", "d1", "d9", "firms", "gone"])
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
demo_lists = st.lists(st.sampled_from(DEMOS), max_size=5)
moves = st.one_of(
    st.builds(lambda slot, text: Move("add_rule", {"slot": slot, "text": text}), st.sampled_from(PROSE_SLOTS), texts),
    st.builds(lambda id, text: Move("edit_rule", {"id": id, "text": text}), rule_ids, texts),
    st.builds(lambda id: Move("delete_rule", {"id": id}), rule_ids),
    st.builds(
        lambda id, slot, at: Move("move_rule", {"id": id, "slot": slot, "at": at}),
        rule_ids,
        st.sampled_from(PROSE_SLOTS),
        st.none() | st.integers(0, 3),
    ),
    st.builds(lambda text: Move("describe_field", {"name": "firms", "text": text}), texts),
    st.builds(lambda demos: Move("set_demos", {"demos": demos}), demo_lists),
    st.builds(lambda k: Move("retrieve_demos", {"method": "bm25", "k": k}), st.integers(1, 9)),
)


def walk(prompt: Prompt, steps: list[Move]) -> tuple[Prompt, list[Move]]:
    """Apply what applies, as the search does; the prompt and the moves that led there."""
    taken = []
    for move in steps:
        moved = try_moves(prompt, [move])
        if moved is not None:
            prompt, taken = moved, [*taken, move]
    return prompt, taken


@settings(max_examples=40)
@given(st.lists(moves, max_size=8))
def test_replaying_moves_gives_the_same_prompt(steps: list[Move]) -> None:
    prompt, taken = walk(START, steps)
    stored = [Move(**json.loads(json.dumps(move.to_json()))) for move in taken]
    assert apply_moves(START, stored) == prompt
    assert parse_prompt(prompt.text) == prompt


@settings(max_examples=40)
@given(st.lists(moves, max_size=12))
def test_locked_rules_survive_any_moves(steps: list[Move]) -> None:
    prompt, _ = walk(START, steps)
    assert prompt.rule("s2") == START.rule("s2")
    assert prompt.rule("d9") == START.rule("d9")


@settings(max_examples=40)
@given(demo_lists)
def test_set_demos_holds_exactly_these_in_order_after_the_locked(demos: list[str]) -> None:
    prompt = apply_moves(
        START, [Move("retrieve_demos", {"method": "bm25", "k": 2}), Move("set_demos", {"demos": demos})]
    )
    assert [rule.text for rule in prompt.rules("demos")] == [START.rule("d9").text, *dict.fromkeys(demos)]
    assert prompt.demo_mode == Nearest("bm25", 2)
    assert len(file_demos(prompt)) == 1 + len(set(demos))


def test_set_demos_keeps_the_ids_of_kept_demos() -> None:
    first = apply_moves(make_prompt(), [Move("set_demos", {"demos": DEMOS[:3]})])
    ids = {rule.text: rule.id for rule in first.rules("demos")}
    second = apply_moves(first, [Move("set_demos", {"demos": [DEMOS[2], DEMOS[4], DEMOS[0]]})])
    kept = {rule.text: rule.id for rule in second.rules("demos") if rule.text in ids}
    assert kept == {DEMOS[2]: ids[DEMOS[2]], DEMOS[0]: ids[DEMOS[0]]}


def test_retrieve_demos_sets_the_mode() -> None:
    prompt = apply_moves(START, [Move("retrieve_demos", {"method": "bm25", "k": 3})])
    assert prompt.demo_mode == Nearest("bm25", 3)
    assert apply_moves(prompt, [Move("retrieve_demos", {"method": "bm25", "k": 0})]).demo_mode == Fixed()


def test_describe_field_words_a_field_or_words_it_anew() -> None:
    bare = parse_prompt(PROMPT.replace("- [firms] The firms, as written.\n", ""))
    for prompt in (bare, make_prompt()):
        worded = apply_moves(prompt, [Move("describe_field", {"name": "firms", "text": "Each firm once."})])
        assert worded.rule("firms").text == "Each firm once."


def test_unknown_and_forbidden_moves_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown move 'paint'; known are add_rule"):
        apply_moves(START, [Move("paint")])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'s2' is locked"):
        apply_moves(START, [Move("delete_rule", {"id": "s2"})])


def test_every_kind_can_be_applied() -> None:
    assert tuple(APPLY) == KINDS
