from __future__ import annotations

import json
from pathlib import Path

import pytest

from apo.task import answers_of, gold_demo, load_task
from tests.apo.builders import PROMPT, make_example, make_prompt, make_record, write_jsonl, write_task
from workbench.errors import DataError, OpenbookError, UsageError
from workbench.prompts import parse_prompt
from workbench.rendering import Demo


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_load_reads_everything_the_file_names(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path))
    assert [len(batch) for batch in task.batches] == [24, 24]
    assert (len(task.dev), len(task.sealed), task.metric.name) == (48, 30, "strings")
    assert task.bank is not None and task.bank.rules("after")[1].text == "Leave out indices."
    assert set(task.inputs.data) == {"dev-1.jsonl", "dev-2.jsonl", "sealed.jsonl"}
    assert task.inputs.prompts == {"start": task.prompt.sha256, "rules": task.bank.sha256}


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path), overrides=["search.heat=16", "budget.max_calls=999"])
    assert (task.file.search.heat, task.file.budget.max_calls) == (16, 999)


def break_unknown_key(folder: Path) -> str:
    rewrite(folder / "task.toml", "heat = 12", "haet = 12")
    return r"task.toml: unknown key 'search.haet'; did you mean 'heat'"


def break_placeholder(folder: Path) -> str:
    rewrite(folder / "prompt.md", "JSON list.", "JSON list about {topic}.")
    return r"prompt.md:\d+: no input fills \{topic\}.*write \{\{topic\}\}"


def break_line(folder: Path) -> str:
    (folder / "dev-2.jsonl").open("a", encoding="utf-8").write("{\n")
    return r"dev-2.jsonl:25: not valid JSON.*correct or remove the line"


def break_overlap(folder: Path) -> str:
    write_jsonl(folder / "sealed.jsonl", [{**make_record(3), "id": "copy"}])
    return r"sealed.jsonl: sealed example 'copy' has the same text as dev example 'e3'; remove one"


def break_empty(folder: Path) -> str:
    (folder / "dev-1.jsonl").write_text("", encoding="utf-8")
    return r"dev-1.jsonl: holds no example.*leave it out"


def break_no_batch(folder: Path) -> str:
    rewrite(folder / "task.toml", '["dev-1.jsonl", "dev-2.jsonl"]', "[]")
    return r"task.toml: dev = \[\]"


def break_missing(folder: Path) -> str:
    (folder / "prompt.md").unlink()
    return r"prompt.md: cannot read the prompt file.*give a file"


def break_ids(folder: Path) -> str:
    write_jsonl(folder / "dev-2.jsonl", [make_record(3)])
    return r"task.toml: id 'e3' is in two dev batches; give each"


def break_bank(folder: Path) -> str:
    rewrite(folder / "rules.md", "inputs: [text]", "inputs: [text, date]")
    return r"task.toml: the rule bank takes the inputs \['text', 'date'\].*give both the same"


def break_metric(folder: Path) -> str:
    write_jsonl(folder / "sealed.jsonl", [{"id": "x", "text": "t", "answers": ["up"]}])
    return r"sealed.jsonl: example 'x' has 'answers', but metric 'strings' reads 'spans'; use"


def break_schema(folder: Path) -> str:
    rewrite(folder / "prompt.md", "{type: string}", "{type: string, enum: [Borealis, Cintra]}")
    return r"dev-1.jsonl: example 'e4': .*breaks the output schema.*correct the demo or the schema"


def break_labels(folder: Path) -> str:
    rewrite(folder / "task.toml", "dev = [", 'labels = ["firmm"]\ndev = [')
    return r"task.toml: no dev example has an answer with labels \('firmm',\); correct labels"


def break_shown(folder: Path) -> str:
    record = make_record(1)
    write_jsonl(folder / "sealed.jsonl", [{**record, "text": "Seen before", "spans": []}])
    demo = json.dumps({"text": "Seen before", "firms": []})
    rewrite(
        folder / "prompt.md", "- [firms] The firms, as written.", f"- [firms] As written.\n\n# demos\n\n- [d1] {demo}"
    )
    return r"task.toml: the prompt shows sealed example 'e1' as a demo; remove one"


BREAKS = [
    break_labels,
    break_shown,
    break_unknown_key,
    break_placeholder,
    break_line,
    break_overlap,
    break_empty,
    break_no_batch,
    break_missing,
    break_ids,
    break_bank,
    break_metric,
    break_schema,
]


@pytest.mark.parametrize("damage", BREAKS)
def test_load_refuses_bad_input_in_one_line(tmp_path: Path, damage) -> None:
    path = write_task(tmp_path)
    expected = damage(tmp_path)
    with pytest.raises(OpenbookError, match=expected) as caught:
        load_task(path)
    assert isinstance(caught.value, UsageError | DataError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ({"x": ["a"], "y": "b"}, ("a", "b")),
        (None, ()),
        ([], ()),
        (3, ("3",)),
    ],
)
def test_answers_are_the_strings_of_any_value(values: object, answers: tuple[str, ...]) -> None:
    assert answers_of(values) == answers


def test_gold_demo_fits_a_list_and_a_single_string() -> None:
    example = make_example(1)
    assert gold_demo(make_prompt(), example) == Demo(dict(example.inputs), {"firms": ["Borealis"]})
    single = parse_prompt(PROMPT.replace("{type: array, items: {type: string}}", "{type: string}"))
    assert gold_demo(single, example).outputs == {"firms": "Borealis"}
    assert gold_demo(single, make_example(0)).outputs == {"firms": ""}


def test_gold_demo_refuses_several_output_fields() -> None:
    prompt = parse_prompt(PROMPT.replace("demos: fixed", "  places: {type: string}\ndemos: fixed"))
    with pytest.raises(UsageError, match="one output field"):
        gold_demo(prompt, make_example(1))
