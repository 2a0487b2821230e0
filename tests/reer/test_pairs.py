import json

import pytest

from reer.pairs import load_pairs
from workbench.errors import DataError

LINE = {
    "id": "a",
    "conversation": "c",
    "turn": 2,
    "x": [{"role": "customer", "content": "Hi"}],
    "y": "Hello.",
    "date": "2026-01-02",
}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_pairs_are_read_with_what_is_known(tmp_path):
    (pair,) = load_pairs(write(tmp_path / "p.jsonl", LINE)).pairs
    assert (pair.question, pair.y, pair.category, str(pair.date)) == ("Hi", "Hello.", None, "2026-01-02")


def test_an_expert_may_speak_first(tmp_path):
    (pair,) = load_pairs(write(tmp_path / "p.jsonl", {**LINE, "x": []})).pairs
    assert pair.question == ""


def test_copies_are_left_out_and_named(tmp_path):
    loaded = load_pairs(write(tmp_path / "p.jsonl", LINE, {**LINE, "id": "b", "y": "HELLO!", "conversation": "d"}))
    assert [pair.id for pair in loaded.pairs] == ["a"]
    assert loaded.repeated == ("b",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": " "}, "'y' is empty"),
        ({"y": 3}, "'y' must be a string, got 3"),
        ({"x": "Hi"}, "'x' must be a list"),
        ({"x": [{"role": "customer"}]}, "'content' is missing"),
        ({"date": "yesterday"}, "yesterday"),
    ],
)
def test_a_bad_line_is_named(tmp_path, change, said):
    path = write(tmp_path / "p.jsonl", LINE, {**LINE, "id": "b", **change})
    with pytest.raises(DataError, match=rf"p.jsonl:2: .*{said}.*; correct the line"):
        load_pairs(path)


def test_a_repeated_id_and_an_empty_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="id 'a' is taken on line 1"):
        load_pairs(write(tmp_path / "p.jsonl", LINE, {**LINE, "y": "Bye."}))
    with pytest.raises(DataError, match="holds no pair"):
        load_pairs(write(tmp_path / "q.jsonl"))
