from __future__ import annotations

import json
import threading
from typing import Any

import anyio
import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from apo.dspy_adapter import PromptAdapter, make_signature, to_demo, to_example
from apo.dspy_program import PromptProgram, to_prompt
from apo.evaluate import Evaluator
from apo.examples import Example
from lm.base import Request
from lm.dspy_engine import dspy_lm
from lm.fake import Scripted
from lm.road import Road
from tests.apo.builders import ENCODER_INSTALLED
from workbench.copying import copy_answers, schema_for
from workbench.documents import Document
from workbench.edits import add_rule, edit_rule, set_demo_mode
from workbench.errors import MissingExtraError, UsageError
from workbench.metrics import METRICS
from workbench.prompts import Nearest, Prompt, parse_prompt
from workbench.rendering import Demo, demo_text, file_demos, output_schema, render

HEAD = """---
task: headlines
version: 3
inputs: [text]
output:
  companies: {type: array, items: {type: string}}
---
"""
BARE = parse_prompt(HEAD)
FULL = parse_prompt(
    HEAD
    + """# system
- [s1] You list companies.
A note.
- [s2!] Leave out\tindices.
- [s3] {{x}} and {"a": 1} are literal; {text} is not.
# before
- [b1] Read:
# after
- [a1] Answer with JSON.
# fields
- [companies] names, exactly as written
# demos
- [d1] {"companies": ["Siemens", "Škoda"],   "text": "Siemens & Škoda rise"}
- [d2!] {"text": "Rain {x}", "companies": []}
- [d3] {"text": "Rain {x}", "companies": []}
"""
)
SEVERAL = parse_prompt("""---
task: reviews
version: 1
inputs: [title, body]
output:
  label: {enum: [good, bad]}
  reasons: {type: array, items: {type: string}}
  score: {type: integer}
  weight: {type: number}
  sure: {type: boolean}
---
# system
- [s1] Judge.
# fields
- [label] the verdict
# demos
- [d1] {"title": "T", "body": "B", "label": "bad", "reasons": [], "score": 1, "weight": 0.5, "sure": true}
""")
POOL = [
    Example(Document(f"p{n}", text, meta={"answers": answers}), {"text": text})
    for n, (text, answers) in enumerate(
        [
            ("Siemens lifts outlook", ["Siemens"]),
            ("Rain stops play", []),
            ("Apple lifts prices", ["Apple"]),
            ("SIEMENS cuts outlook", ["SIEMENS"]),
        ]
    )
]
NEAREST = set_demo_mode(FULL, Nearest("bm25", 2))
TRAINSET = [to_example(FULL, Demo({"text": f"A{n} falls"}, {"companies": [f"A{n}"]})) for n in range(20)]
LINES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def first_word(request: Request) -> str:
    """A model that takes the first word of the headline for the company."""
    words = request.messages[-1].content.removeprefix("Read:\n").split()
    return json.dumps(words[:1])


@pytest.fixture
def open_lm():
    """Open LMs on a scripted engine and end their threads."""
    opened = []

    def open_it(answer: Any = first_word, **settings: Any) -> tuple[Any, Scripted]:
        engine = Scripted(answer, slots=16, **settings)
        opened.append(dspy_lm(Road(engine)))
        return opened[-1], engine

    yield open_it
    for lm in opened:
        lm.engine.close()


def turns(program: PromptProgram, **inputs: str) -> list[tuple[str, str]]:
    messages = program.adapter.format(program.predict.signature, program.predict.demos, inputs)
    return [(message["role"], message["content"]) for message in messages]


def is_right(example: Any, prediction: Any, trace: Any = None) -> bool:
    return list(example.companies) == prediction.companies


def with_instructions(prompt: Prompt, instructions: str) -> PromptProgram:
    program = PromptProgram(prompt)
    program.predict.signature = program.predict.signature.with_instructions(instructions)
    return program


@pytest.mark.parametrize("prompt", [BARE, FULL], ids=["bare", "full"])
@given(text=LINES)
def test_rendering_is_that_of_the_prompt_file(prompt: Prompt, text: str) -> None:
    assert turns(PromptProgram(prompt), text=text) == render(prompt, {"text": text})


@given(rule=LINES.filter(str.strip), demo=LINES, text=LINES)
def test_rendering_follows_any_rule_and_demo(rule: str, demo: str, text: str) -> None:
    try:
        prompt = add_rule(add_rule(FULL, "system", rule), "demos", demo_text(Demo({"text": demo}, {"companies": []})))
    except UsageError:
        return
    assert turns(PromptProgram(prompt), text=text) == render(prompt, {"text": text})


def test_rendering_of_several_fields_is_that_of_the_prompt_file() -> None:
    inputs = {"title": "{body}", "body": "fine"}
    assert turns(PromptProgram(SEVERAL), **inputs) == render(SEVERAL, inputs)


def test_signature_takes_types_and_descriptions_from_the_file() -> None:
    signature = make_signature(SEVERAL)
    types = [field.annotation for field in signature.output_fields.values()]
    assert types == [Any, list[str], int, float, bool]
    assert list(signature.input_fields) == ["title", "body"]
    assert signature.output_fields["label"].json_schema_extra["desc"] == "the verdict"
    assert signature.instructions == "Judge."


def test_input_with_a_name_dspy_keeps_is_refused() -> None:
    with pytest.raises(UsageError, match="'demos' to itself"):
        make_signature(parse_prompt(HEAD.replace("[text]", "[demos]")))


def test_request_is_what_our_own_evaluation_asks(open_lm) -> None:
    ours: list[Request] = []
    theirs: list[Request] = []

    async def evaluate(prompt: Prompt) -> None:
        road = Road(Scripted(lambda request: ours.append(request) or "[]"))
        await Evaluator(road, METRICS["strings"], pool=POOL).evaluate(prompt, POOL[:1])

    lm, _ = open_lm(lambda request: theirs.append(request) or "[]")
    prompts = (FULL, NEAREST, copy_answers(FULL, field="companies", source="text"))
    for prompt in prompts:
        anyio.run(evaluate, prompt)
        with dspy.context(lm=lm):
            PromptProgram(prompt, pool=POOL)(**POOL[0].inputs)
    assert [request.messages for request in theirs] == [request.messages for request in ours]
    assert [request.schema for request in theirs] == [request.schema for request in ours]
    assert ours[2].schema == schema_for(output_schema(prompts[2]), POOL[0].inputs)


def test_retrieved_demos_are_the_nearest_and_never_the_input() -> None:
    inputs = {"text": "siemens: lifts outlook"}
    demos = [Demo(POOL[n].inputs, {"companies": list(POOL[n].gold)}) for n in (2, 3)]
    assert turns(PromptProgram(NEAREST, pool=POOL), **inputs) == render(NEAREST, inputs, [*file_demos(FULL), *demos])


def test_retrieval_without_a_pool_is_refused() -> None:
    with pytest.raises(UsageError, match="give a labelled pool"):
        PromptProgram(NEAREST)


@pytest.mark.skipif(ENCODER_INSTALLED, reason="the encoder is installed")
def test_retrieval_by_a_missing_encoder_is_refused() -> None:
    with pytest.raises(MissingExtraError, match=r"openbook\[local\]"):
        PromptProgram(set_demo_mode(FULL, Nearest("encoder", 2)), pool=POOL)


def test_demos_of_an_optimizer_replace_retrieval() -> None:
    program = PromptProgram(NEAREST, pool=POOL)
    program.predict.demos = TRAINSET[:1]
    draft = to_prompt(program)
    assert file_demos(draft) == (Demo({"text": "Rain {x}"}, {"companies": []}), to_demo(FULL, TRAINSET[0]))
    assert turns(program, text="A") == render(draft, {"text": "A"})


@settings(max_examples=40)
@given(LINES)
def test_changed_instructions_are_rendered_as_they_are_written_back(instructions: str) -> None:
    program = with_instructions(FULL, instructions)
    draft = to_prompt(program)
    assert turns(program, text="A") == render(draft, {"text": "A"}) == turns(PromptProgram(draft), text="A")
    assert to_prompt(PromptProgram(draft)) == draft
    assert draft.rule("s2") == FULL.rule("s2")


def test_rules_that_stay_keep_their_ids_and_braces_stay_literal() -> None:
    draft = to_prompt(with_instructions(FULL, "You list companies.\n\n  Use {text}, not {name}.\n"))
    assert [(rule.id, rule.text) for rule in draft.rules("system")] == [
        ("s1", "You list companies."),
        ("s2", "Leave out\tindices."),
        ("s4", "Use {text}, not {{name}}."),
    ]
    assert (draft.version, draft.parent) == (4, FULL.sha256)
    assert "Use A, not {name}." in render(draft, {"text": "A"})[0][1]


def test_instructions_that_lose_an_input_are_refused() -> None:
    prompt = edit_rule(SEVERAL, "s1", "Judge {title}.")
    prompt = parse_prompt(prompt.text.replace("# fields", "# input\n{body}\n# fields"))
    assert "Of T." in turns(with_instructions(prompt, "Say:\nOf {title}."), title="T", body="B")[0][1]
    with pytest.raises(UsageError, match="no placeholder uses input 'title'"):
        to_prompt(with_instructions(prompt, "Judge."))


def test_unchanged_program_is_the_prompt_itself() -> None:
    for prompt in (BARE, FULL, SEVERAL):
        assert to_prompt(PromptProgram(prompt)).text == prompt.text
    assert to_prompt(PromptProgram(NEAREST, pool=POOL)).text == NEAREST.text


def test_demo_without_the_output_is_refused() -> None:
    with pytest.raises(UsageError, match=r"lacks \['companies'\]"):
        to_demo(FULL, dspy.Example(text="A"))


@pytest.mark.parametrize("answer", ["", "Siemens", '{"companies": []}', "[1]", '["Siemens"', "[] or so"])
def test_unreadable_answer_is_one_call_and_an_error(open_lm, answer: str) -> None:
    lm, engine = open_lm(lambda request: answer)
    with dspy.context(lm=lm), pytest.raises(AdapterParseError):
        PromptProgram(FULL)(text="Siemens lifts outlook")
    assert engine.calls == 1


def test_async_call_asks_the_same(open_lm) -> None:
    requests: list[Request] = []
    lm, _ = open_lm(lambda request: requests.append(request) or '["A"]')

    async def main() -> Any:
        with dspy.context(lm=lm):
            return await PromptProgram(FULL).acall(text="A falls")

    assert anyio.run(main).companies == ["A"]
    assert [(message.role, message.content) for message in requests[0].messages] == render(FULL, {"text": "A falls"})
    assert requests[0].schema == output_schema(FULL)


def test_adapter_works_around_any_predict(open_lm) -> None:
    lm, _ = open_lm()
    adapter = PromptAdapter(BARE)
    with dspy.context(lm=lm, adapter=adapter):
        assert dspy.Predict(adapter.signature)(text="A falls").companies == ["A"]


def test_evaluate_with_threads_keeps_two_programs_apart(open_lm) -> None:
    lm, engine = open_lm(latency_s=0.001)
    program, other = PromptProgram(FULL), PromptProgram(BARE)
    scores: dict[str, float] = {}

    def evaluate(name: str, program: PromptProgram) -> None:
        with dspy.context(lm=lm):
            scores[name] = dspy.Evaluate(devset=TRAINSET, metric=is_right, num_threads=8)(program).score

    threads = [threading.Thread(target=evaluate, args=pair) for pair in {"program": program, "other": other}.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scores == {"program": 100, "other": 100}
    assert engine.calls == 40


def test_bootstrap_changes_demos_that_reach_the_file(open_lm) -> None:
    lm, _ = open_lm()
    with dspy.context(lm=lm):
        optimizer = dspy.BootstrapFewShot(metric=is_right, max_bootstrapped_demos=2, max_labeled_demos=4)
        better = optimizer.compile(PromptProgram(FULL), trainset=TRAINSET)
    draft = to_prompt(better)
    shown = [to_demo(FULL, demo) for demo in better.predict.demos]
    assert len(shown) == 4
    assert file_demos(draft) == (file_demos(FULL)[1], *shown)
    assert turns(better, text="A") == render(draft, {"text": "A"}) == turns(PromptProgram(draft), text="A")
    assert (draft.version, draft.parent) == (4, FULL.sha256)


def test_random_search_returns_a_program(open_lm) -> None:
    lm, _ = open_lm()
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=is_right, max_bootstrapped_demos=1, max_labeled_demos=2, num_candidate_programs=2, num_threads=4
    )
    with dspy.context(lm=lm):
        better = optimizer.compile(PromptProgram(FULL), trainset=TRAINSET[:6])
    assert turns(better, text="A") == render(to_prompt(better), {"text": "A"})


def test_gepa_writes_its_instructions_into_the_file(open_lm) -> None:
    good = "Take the first word.\nOf {text}."

    def answer(request: Request) -> str:
        return first_word(request) if request.messages[0].content.startswith("Take") else "[]"

    def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> float:
        return float(is_right(gold, pred))

    def propose(candidate: Any, reflective_dataset: Any, components_to_update: list[str]) -> dict[str, str]:
        return dict.fromkeys(components_to_update, good)

    lm, _ = open_lm(answer)
    with dspy.context(lm=lm):
        optimizer = dspy.GEPA(metric=metric, max_metric_calls=40, instruction_proposer=propose, num_threads=4)
        better = optimizer.compile(PromptProgram(BARE), trainset=TRAINSET[:6], valset=TRAINSET[6:12])
    assert [rule.text for rule in to_prompt(better).rules("system")] == good.split("\n")
    assert turns(better, text="A") == render(to_prompt(better), {"text": "A"})


def test_state_is_json_and_comes_back(tmp_path) -> None:
    program = with_instructions(FULL, "First.\nSecond.")
    program.predict.demos = TRAINSET[:3]
    program.save(tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["predict"]["demos"]
    loaded = PromptProgram(FULL)
    loaded.load(tmp_path / "state.json")
    assert to_prompt(loaded) == to_prompt(program)
    assert turns(loaded, text="A") == turns(program, text="A")
