from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apo.examples import Example, load_examples, normalized_text, refuse_overlap
from tests.apo.builders import make_example, make_examples, make_record, write_jsonl
from workbench.documents import Document
from workbench.errors import DataError


def of_text(id_: str, text: str) -> Example:
    return Example(Document(id_, text), {"text": text})


def test_load_reads_inputs_gold_and_meta(tmp_path: Path) -> None:
    record = {**make_record(1), "traps": ["index"]}
    (example,) = load_examples(write_jsonl(tmp_path / "dev.jsonl", [record]), ["text"])
    assert (example.id, example.gold) == ("e1", ("Borealis",))
    assert example.inputs == {"text": "Borealis lifts outlook for unit 1"}
    assert example.pattern == "index"


def test_load_reads_answers_without_a_text(tmp_path: Path) -> None:
    record = {"id": "a", "question": "Up or down?", "answers": ["up"]}
    (example,) = load_examples(write_jsonl(tmp_path / "dev.jsonl", [record]), ["question"])
    assert example.gold == ("up",)
    assert example.document.text == "Up or down?"


def test_load_keeps_the_labels_asked_for(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "dev.jsonl", [make_record(1)])
    assert load_examples(path, ["text"], ["firm"])[0].gold == ("Borealis",)
    assert load_examples(path, ["text"], ["ticker"])[0].gold == ()


@pytest.mark.parametrize(("number", "pattern"), [(0, "none"), (1, "one")])
def test_pattern_is_the_number_of_answers_without_traps(number: int, pattern: str) -> None:
    assert make_example(number).pattern == pattern


GOOD = json.dumps(make_record(1))
BAD_LINES = {
    "not JSON": ("{", "not valid JSON"),
    "not an object": ("[]", "expected a JSON object"),
    "no input": ('{"id": "x", "spans": []}', "'text' must be a string, got None"),
    "input not text": ('{"id": "x", "text": 3, "spans": []}', "'text' must be a string, got 3"),
    "no id": ('{"text": "t", "spans": []}', "'id' must be a string"),
    "no gold": ('{"id": "x", "text": "t"}', "neither 'spans' nor 'answers'"),
    "spans null": ('{"id": "x", "text": "t", "spans": null}', "'spans' must be a list, got None"),
    "answers null": ('{"id": "x", "text": "t", "answers": null}', "'answers' must be a list, got None"),
    "answers a number": ('{"id": "x", "text": "t", "answers": 5}', "'answers' must be a list, got 5"),
    "answers not text": ('{"id": "x", "text": "t", "answers": [5]}', "give a list of strings"),
    "span not an object": ('{"id": "x", "text": "t", "spans": ["t"]}', "a span needs start, end and label"),
    "span without end": ('{"id": "x", "text": "t", "spans": [{"start": 0}]}', "a span needs start, end and label"),
    "span outside": ('{"id": "x", "text": "t", "spans": [{"start": 0, "end": 9, "label": "l"}]}', "lies outside"),
    "span misspelt": (
        '{"id": "x", "text": "t", "spans": [{"start": 0, "end": 1, "label": "l", "text": "u"}]}',
        "says 'u' but the text there is 't'",
    ),
    "id taken": (GOOD, "id 'e1' is taken on line 1"),
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.values(), ids=BAD_LINES)
def test_load_names_file_and_line_of_a_bad_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(f"{GOOD}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_examples(path, ["text"])
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert problem in message
    assert "\n" not in message
    assert ";" in message, "the next step"


def test_load_refuses_an_empty_batch_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"empty.jsonl: holds no example.*fill it or leave it out"):
        load_examples(tmp_path / "empty.jsonl", ["text"])
    with pytest.raises(DataError, match=r"gone.jsonl: cannot be read.*check the path"):
        load_examples(tmp_path / "gone.jsonl", ["text"])


@given(st.text(min_size=1))
def test_normalized_text_folds_case_space_and_punctuation(text: str) -> None:
    folded = normalized_text(of_text("a", text))
    assert normalized_text(of_text("b", f"  {text} ")).strip() == folded.strip()


def test_normalized_text_tells_texts_without_words_apart() -> None:
    assert normalized_text(of_text("a", "📈")) != normalized_text(of_text("b", "📉"))


def test_overlap_is_found_under_other_case_quotes_and_spaces(tmp_path: Path) -> None:
    dev = [of_text("d", "Acme lifts “outlook”")]
    sealed = [of_text("s", 'ACME  lifts "outlook".')]
    with pytest.raises(DataError, match=r"sealed example 's' has the same text as dev example 'd'; remove one"):
        refuse_overlap(dev, sealed, tmp_path / "sealed.jsonl")
    refuse_overlap(make_examples(5), make_examples(5, first=5), tmp_path / "sealed.jsonl")
