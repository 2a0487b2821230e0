from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.edits import add_rule, set_demo_mode
from workbench.errors import DataError, ModelError, UsageError
from workbench.prompts import Nearest, Prompt, parse_prompt
from workbench.rendering import Demo, demo_text, file_demos, output_schema, parse_answer, render, render_answer

ONE = parse_prompt("""---
task: headlines
version: 1
inputs: [text]
output:
  companies: {type: array, items: {type: string}}
---
# system
- [s1] You list companies.
A {note}.
- [s2] {"a": {}} and {{text}} are literal.
# before
- [b1] Read:
# after
- [a1] Answer with JSON.
# fields
- [companies] names, exactly as written
# tools
- [search] looks a name up
# demos
- [d1] {"text": "Siemens & Škoda rise", "companies": ["Siemens", "Škoda"]}
""")
TWO = parse_prompt("""---
task: reviews
version: 1
inputs: [title, body]
output:
  label: {enum: [good, bad]}
  score: {type: integer}
---
# fields
- [label] the verdict
- [score] from 1 to 5
""")
ARRAY = {"type": "array", "items": {"type": "string"}}


def test_render_writes_demos_like_the_real_request() -> None:
    assert render(ONE, {"text": "Apple falls"}) == [
        ("system", 'You list companies.\n{"a": {}} and {text} are literal.\nnames, exactly as written'),
        ("user", "Read:\nSiemens & Škoda rise\nAnswer with JSON."),
        ("assistant", '["Siemens", "Škoda"]'),
        ("user", "Read:\nApple falls\nAnswer with JSON."),
    ]


def test_render_names_fields_when_there_are_several() -> None:
    assert render(TWO, {"title": "T", "body": "B"}) == [
        ("system", "label: the verdict\nscore: from 1 to 5"),
        ("user", "title: T\nbody: B"),
    ]


def test_render_has_no_system_turn_without_system_text() -> None:
    assert render(parse_prompt(TWO.head), {"title": "T", "body": "B"}) == [("user", "title: T\nbody: B")]


def test_render_shows_the_demos_passed() -> None:
    demo = Demo({"text": "Hm"}, {"companies": []})
    nearest = set_demo_mode(ONE, Nearest("bm25", 1))
    assert render(nearest, {"text": "x"}, [demo])[1:3] == [
        ("user", "Read:\nHm\nAnswer with JSON."),
        ("assistant", "[]"),
    ]
    with pytest.raises(UsageError, match="retrieves its demos"):
        render(nearest, {"text": "x"})


@pytest.mark.parametrize("inputs", [{}, {"text": "x", "gold": "y"}, {"text": 7}])
def test_render_refuses_other_inputs(inputs: dict[str, str]) -> None:
    with pytest.raises(DataError, match="input"):
        render(ONE, inputs)


@given(st.text(), st.sampled_from(["{text}", "{other}", "{{text}}", "{title} {body}", "\\1 \\g<0> {0} %s $x"]))
def test_render_never_reads_a_value_again(value: str, trap: str) -> None:
    text = value + trap
    assert render(ONE, {"text": text}, [])[-1] == ("user", f"Read:\n{text}\nAnswer with JSON.")
    assert render(TWO, {"title": text, "body": text})[-1] == ("user", f"title: {text}\nbody: {text}")


def test_output_schema_is_the_bare_value_for_one_field() -> None:
    assert output_schema(ONE) == ARRAY


def test_output_schema_is_a_closed_object_for_several_fields() -> None:
    assert output_schema(TWO) == {
        "type": "object",
        "properties": {"label": {"enum": ["good", "bad"]}, "score": {"type": "integer"}},
        "required": ["label", "score"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("schema", ["{type: strin}", "{$ref: 'http://127.0.0.1/x.json'}", "{minLength: -1}"])
def test_output_schema_refuses_what_cannot_be_checked(schema: str) -> None:
    with pytest.raises(DataError, match="output schema"):
        output_schema(parse_prompt(ONE.head.replace("{type: array, items: {type: string}}", schema)))


def test_render_answer_writes_fields_in_the_order_of_the_file() -> None:
    assert render_answer(TWO, {"score": 5, "label": "good"}) == '{"label": "good", "score": 5}'


@pytest.mark.parametrize("values", [{}, {"label": "good"}, {"label": "fine", "score": 1}])
def test_render_answer_refuses_values_that_break_the_schema(values: dict[str, object]) -> None:
    with pytest.raises(DataError):
        render_answer(TWO, values)


@pytest.mark.parametrize(
    "text", ['["A"]', ' \n["A"]\n', '```json\n["A"]\n```', '```\n["A"]\n```\n', '```JSON\r\n["A"]```']
)
def test_parse_answer_reads_bare_or_fenced_json(text: str) -> None:
    assert parse_answer(ONE, text) == {"companies": ["A"]}


@pytest.mark.parametrize(
    "text",
    [
        *("", "A", '["A"', '["A"] done', "Here: []", "[1]", '{"companies": []}', "[NaN]", '["\\ud800"]'),
        *("[" * 100_000, "1" * 10_000, '```json\n["A"]\n```\n```json\n[]\n```'),
    ],
)
def test_parse_answer_refuses_the_rest(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_answer(ONE, text)
    assert (caught.value.cause, caught.value.retryable) == ("parse", False)
    assert len(str(caught.value)) < 700


def test_parse_answer_of_several_fields_is_strict() -> None:
    assert parse_answer(TWO, '{"label": "bad", "score": 1}') == {"label": "bad", "score": 1}
    for text in ('{"label": "bad"}', '{"label": "bad", "score": 1, "why": ""}', '{"label": "bad", "score": "1"}'):
        with pytest.raises(ModelError):
            parse_answer(TWO, text)


ANSWERS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(ANSWERS)
def test_parse_answer_reads_what_render_answer_writes(names: list[str]) -> None:
    assert parse_answer(ONE, render_answer(ONE, {"companies": names})) == {"companies": names}


@given(st.text(st.characters(exclude_categories=["Cs"])), ANSWERS)
def test_demo_text_round_trips_through_the_file(text: str, names: list[str]) -> None:
    demo = Demo({"text": text}, {"companies": names})
    prompt: Prompt = add_rule(ONE, "demos", demo_text(demo))
    assert file_demos(prompt)[-1] == demo
    assert json.loads(render(prompt, {"text": "x"})[-2][1]) == names
