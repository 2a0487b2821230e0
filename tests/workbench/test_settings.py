import copy
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from workbench.errors import UsageError
from workbench.settings import Settings, apply_overrides, load_toml


class Budget(Settings):
    max_calls: int = Field(default=1200, gt=0)
    max_cost_usd: float | None = None


class Move(Settings):
    kind: str
    weight: float = 1.0


class Task(Settings):
    prompt: Path
    dev: tuple[Path, ...] = ()
    metric: Literal["f1", "exact"] = "f1"
    budget: Budget = Budget()
    moves: list[Move] = Field(default_factory=list)


def write(folder: Path, text: str) -> Path:
    path = folder / "task.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        load_toml(path, Task, overrides=overrides)
    return str(caught.value)


def test_load_toml_reads_paths_tables_and_arrays(tmp_path: Path) -> None:
    path = write(tmp_path, 'prompt = "p.md"\ndev = ["a.jsonl", "b.jsonl"]\n[budget]\nmax_cost_usd = 2\n')
    task = load_toml(path, Task)
    assert task.prompt == Path("p.md")
    assert task.dev == (Path("a.jsonl"), Path("b.jsonl"))
    assert task.budget == Budget(max_calls=1200, max_cost_usd=2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("promt = 'p.md'", "unknown key 'promt'; did you mean 'prompt'?"),
        ("prompt = 'p.md'\n[budget]\nmax_cals = 3", "unknown key 'budget.max_cals'; did you mean 'max_calls'?"),
        ("prompt = 'p.md'\n[[moves]]\nkind = 'add'\nwieght = 2", "'moves.0.wieght'; did you mean 'weight'?"),
        ("prompt = 'p.md'\nzzz = 1", "unknown key 'zzz'; known are: budget, dev, metric, moves, prompt"),
        ("prompt = 'p.md'\n[budget]\nmax_calls = '9'", "budget.max_calls = '9': should be a valid integer"),
        ("prompt = 'p.md'\n[budget]\nmax_calls = true", "budget.max_calls = True: should be a valid integer"),
        ("prompt = 'p.md'\n[budget]\nmax_calls = 0", "budget.max_calls = 0: should be greater than 0"),
        ("prompt = 'p.md'\nmetric = 'f2'", "metric = 'f2': should be 'f1' or 'exact'"),
        ("prompt = 3", "prompt = 3: "),
        ("", "key 'prompt' is missing; add it"),
        ("prompt = ", "not valid TOML: "),
    ],
)
def test_load_toml_names_key_value_and_expectation(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    said = refusal(path)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said


def test_load_toml_names_every_problem_at_once(tmp_path: Path) -> None:
    said = refusal(write(tmp_path, "metric = 'f2'\nzzz = 1"))
    assert "key 'prompt' is missing" in said
    assert "metric = 'f2'" in said
    assert "unknown key 'zzz'" in said


def test_load_toml_of_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory); check the path" in refusal(tmp_path / "none.toml")


def test_load_toml_of_a_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_bytes(b"prompt = '\xff'")
    assert "not valid TOML" in refusal(path)


@pytest.mark.parametrize(
    "key",
    ["api_key", "apiKey", "openai_api_key", "API-KEY", "secret", "client_secret", "token", "hf_token", "password"],
)
@pytest.mark.parametrize("table", ["", "budget."], ids=["top", "nested"])
def test_load_toml_refuses_secrets_without_repeating_them(tmp_path: Path, key: str, table: str) -> None:
    said = refusal(write(tmp_path, f'{table}{key} = "hunter2"\nprompt = "p.md"'))
    assert f"'{table}{key}' looks like a secret" in said
    assert "environment" in said
    assert "hunter2" not in said


def test_load_toml_refuses_secrets_in_arrays_and_overrides(tmp_path: Path) -> None:
    assert "'moves.api_key' looks like a secret" in refusal(write(tmp_path, '[[moves]]\napi_key = "hunter2"'))
    assert "'budget.token' looks like a secret" in refusal(write(tmp_path, ""), "budget.token=hunter2")


@pytest.mark.parametrize("key", ["max_tokens", "tokens", "tokenizer", "keys", "secretary"])
def test_load_toml_takes_no_harmless_key_for_a_secret(tmp_path: Path, key: str) -> None:
    assert f"unknown key {key!r}" in refusal(write(tmp_path, f"{key} = 1\nprompt = 'p.md'"))


def test_load_toml_lets_overrides_win(tmp_path: Path) -> None:
    path = write(tmp_path, "prompt = 'p.md'\n[budget]\nmax_calls = 5")
    task = load_toml(path, Task, overrides=["budget.max_calls=300", "metric=exact"])
    assert (task.budget.max_calls, task.metric) == (300, "exact")


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a=1.5", {"a": 1.5}),
        ("a=true", {"a": True}),
        ("a=word", {"a": "word"}),
        ('a="1"', {"a": "1"}),
        ("a=", {"a": ""}),
        ("a=x=y", {"a": "x=y"}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a.b.c=1", {"a": {"b": {"c": 1}}}),
        ("a=1\nb=2", {"a": "1\nb=2"}),
        ("a=data/dev 1.jsonl", {"a": "data/dev 1.jsonl"}),
    ],
)
def test_apply_overrides_reads_toml_else_text(pair: str, expected: dict[str, Any]) -> None:
    assert apply_overrides({}, [pair]) == expected


def test_apply_overrides_changes_nothing_else() -> None:
    before: dict[str, Any] = {"a": {"x": 1, "y": [1]}, "b": 2}
    kept = copy.deepcopy(before)
    assert apply_overrides(before, ["a.x=5", "a.x=6"]) == {"a": {"x": 6, "y": [1]}, "b": 2}
    assert before == kept


@pytest.mark.parametrize("pair", ["a", "=1", "a..b=1", "b.c=1"])
def test_apply_overrides_says_what_is_wrong(pair: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        apply_overrides({"b": 2}, [pair])
