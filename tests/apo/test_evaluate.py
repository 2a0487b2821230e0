from __future__ import annotations

import json
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.evaluate import Decoding, Evaluator, Outcome
from apo.examples import Example
from lm.base import Request
from tests.apo.builders import (
    ENCODER_INSTALLED,
    STRINGS,
    asked_text,
    make_example,
    make_examples,
    make_prompt,
    make_road,
)
from workbench.documents import Document
from workbench.edits import set_demo_mode
from workbench.errors import MissingExtraError, ModelError, UsageError
from workbench.metrics import METRICS, Metric, Tally
from workbench.prompts import Nearest, Prompt

DOWN = ModelError("no answer", cause="server")


def evaluate(prompt: Prompt, examples: Sequence[Example], answer, metric: Metric = STRINGS) -> list[Outcome]:
    road, _ = make_road(answer)
    return anyio.run(Evaluator(road, metric).evaluate, prompt, examples)


def perfect(request: Request) -> str:
    firm = asked_text(request).split()[0]
    return json.dumps([] if firm == "Rain" else [firm])


def test_outcomes_come_in_order_with_answers_and_tallies() -> None:
    examples = make_examples(6)
    outcomes = evaluate(make_prompt(), examples, perfect)
    assert [outcome.example.id for outcome in outcomes] == [example.id for example in examples]
    assert [outcome.answers for outcome in outcomes] == [example.gold for example in examples]
    assert all(outcome.right and outcome.error is None for outcome in outcomes)


def test_a_failed_call_is_missing_and_not_wrong() -> None:
    outcomes = evaluate(make_prompt(), make_examples(3, first=1), lambda request: DOWN)
    assert [(o.tally, o.error, o.right) for o in outcomes] == [(None, "server", False)] * 3


@pytest.mark.parametrize(
    ("metric", "number", "tally"),
    [("strings", 1, Tally(0, 1)), ("strings", 0, Tally(0, 1)), ("exact", 1, Tally(0, 1)), ("exact", 0, Tally(0, 1))],
)
def test_an_unreadable_answer_is_wrong_even_where_nothing_was_to_be_found(
    metric: str, number: int, tally: Tally
) -> None:
    (outcome,) = evaluate(make_prompt(), [make_example(number)], lambda request: "I think", METRICS[metric])
    assert (outcome.tally, outcome.error, outcome.right, outcome.text) == (tally, "parse", False, "I think")


def test_an_example_shown_as_a_demo_is_never_asked() -> None:
    examples = make_examples(12)
    asked: list[str] = []

    def answer(request: Request) -> str:
        asked.append(asked_text(request))
        return "[]"

    outcomes = evaluate(make_prompt(examples[1], examples[4]), examples, answer)
    assert len(outcomes) == 10
    assert {"e1", "e4"}.isdisjoint(outcome.example.id for outcome in outcomes)
    assert {examples[1].inputs["text"], examples[4].inputs["text"]}.isdisjoint(asked)


@given(st.sets(st.integers(0, 29), max_size=8))
def test_scorable_is_all_but_the_demos(shown: set[int]) -> None:
    road, _ = make_road([])
    examples = make_examples(30)
    kept = Evaluator(road, STRINGS).scorable(make_prompt(*(examples[i] for i in sorted(shown))), examples)
    assert [example.id for example in kept] == [f"e{i}" for i in range(30) if i not in shown]


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(0, 19))
def test_nearest_never_shows_the_example_itself_or_a_copy(k: int, number: int) -> None:
    examples = make_examples(20)
    text = examples[number].inputs["text"]
    copy = Example(Document("copy", text.upper()), {"text": text.upper() + " !"})
    seen: list[Request] = []

    def answer(request: Request) -> str:
        seen.append(request)
        return "[]"

    road, _ = make_road(answer)
    evaluator = Evaluator(road, STRINGS, pool=[*examples, copy])
    outcomes = anyio.run(evaluator.evaluate, set_demo_mode(make_prompt(), Nearest("bm25", k)), [examples[number]])
    (request,) = seen
    demos = [message.content for message in request.messages if message.role == "user"][:-1]
    assert len(outcomes) == 1
    assert len(demos) == min(k, 19)
    assert not any(demo.casefold().startswith((f"{text}\n".casefold(), f"{text} !".casefold())) for demo in demos)


def test_nearest_puts_the_nearest_last() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> str:
        seen.append(request)
        return "[]"

    road, _ = make_road(answer)
    pool = [make_example(1), make_example(9), make_example(0)]
    anyio.run(
        Evaluator(road, STRINGS, pool=pool).evaluate,
        set_demo_mode(make_prompt(), Nearest("bm25", 2)),
        [make_example(17)],
    )
    assert seen[0].messages[-3].content.startswith(pool[0].inputs["text"])


def test_nearest_without_a_pool_is_refused_before_any_call() -> None:
    road, engine = make_road(perfect)
    prompt = set_demo_mode(make_prompt(), Nearest("bm25", 2))
    with pytest.raises(UsageError, match="give a labelled pool"):
        anyio.run(Evaluator(road, STRINGS).evaluate, prompt, make_examples(2))
    assert engine.calls == 0


@pytest.mark.skipif(ENCODER_INSTALLED, reason="the encoder is installed")
def test_nearest_by_a_missing_encoder_is_refused_before_any_call() -> None:
    road, engine = make_road(perfect)
    evaluator = Evaluator(road, STRINGS, pool=make_examples(4))
    with pytest.raises(MissingExtraError, match=r"openbook\[local\]"):
        anyio.run(evaluator.evaluate, set_demo_mode(make_prompt(), Nearest("encoder", 2)), make_examples(2))
    assert engine.calls == 0


def test_asked_counts_distinct_requests_and_progress_counts_all() -> None:
    road, engine = make_road(perfect)
    evaluator = Evaluator(road, STRINGS, decoding=Decoding(max_tokens=7, temperature=0.5))
    done: list[int] = []

    async def twice() -> None:
        for _ in range(2):
            await evaluator.evaluate(make_prompt(), make_examples(5), on_done=lambda: done.append(1))

    anyio.run(twice)
    assert (len(evaluator.asked), len(done), engine.calls) == (5, 10, 10)


def test_requests_carry_decoding_and_schema() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> str:
        seen.append(request)
        return "[]"

    road, _ = make_road(answer)
    evaluator = Evaluator(road, STRINGS, decoding=Decoding(max_tokens=7, temperature=0.5))
    anyio.run(evaluator.evaluate, make_prompt(), make_examples(1))
    assert (seen[0].max_tokens, seen[0].temperature) == (7, 0.5)
    assert seen[0].schema == {"type": "array", "items": {"type": "string"}}
