"""The verbs as a shell sees them: exit code, stdout, stderr, files."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cli
from lm import open as opening
from lm.base import Request
from lm.fake import Answer, Scripted
from tests.apo.builders import by_demos, write_task


class Ran(NamedTuple):
    """What a command left behind."""

    code: int | str | None
    out: str
    err: str


class Shell:
    """Runs `apo` in this process, with a scripted model."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.task = write_task(folder)
        self.out = folder / "run"
        self.answer: Callable[[Request], Answer] = by_demos
        self.engines: list[Scripted] = []
        self._monkeypatch = monkeypatch
        monkeypatch.setitem(opening.OPENERS, "scripted", self.open)

    def open(self, _spec: str, _options: Any) -> Scripted:
        self.engines.append(Scripted(self.answer))
        return self.engines[-1]

    def apo(self, *arguments: object) -> Ran:
        self._monkeypatch.setattr(sys, "argv", ["apo", *map(str, arguments)])
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, pytest.raises(SystemExit) as end:
            cli.apo()
        return Ran(end.value.code, out.getvalue(), err.getvalue())

    def optimize(self, *arguments: object) -> Ran:
        return self.apo("optimize", self.task, "--out", self.out, *arguments)

    @property
    def calls(self) -> int:
        return sum(engine.calls for engine in self.engines)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, monkeypatch)


class Released(NamedTuple):
    """A finished run whose prompt was released."""

    shell: Shell
    ran: Ran


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shell = Shell(tmp_path_factory.mktemp("released"), monkeypatch)
        yield Released(shell, shell.optimize("--json"))


def answer_nothing(_request: Request) -> Answer:
    return "[]"


def interrupt_after(n: int) -> Callable[[Request], Answer]:
    """Answer `n` calls, then press Ctrl-C."""
    arrived = count()

    def answer(request: Request) -> Answer:
        if next(arrived) >= n:
            signal.raise_signal(signal.SIGINT)
        return by_demos(request)

    return answer


def is_one_line(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1 and text.endswith("\n")


def test_optimize_exits_with_0_when_released(released: Released) -> None:
    code, out, err = released.ran
    report = json.loads(out)
    assert code == 0
    assert report["verdict"]["passed"]
    assert report["run"] == str(released.shell.out)
    assert (released.shell.out / "champion.md").exists()
    assert f"calls: {report['calls']['calls']}/460" in err


def test_optimize_exits_with_1_when_not_released(shell: Shell) -> None:
    shell.answer = answer_nothing
    code, out, err = shell.optimize()
    assert code == 1
    assert "calls: " in err
    assert "calls: " not in out
    assert not (shell.out / "champion.md").exists()
    assert shell.apo("report", shell.out).code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["optimize", "gone.toml"], "gone.toml"),
        (["optimize", "TASK", "--set", "search.heet=12"], "did you mean 'heat'"),
        (["optimize", "TASK", "--model", "scriptd"], "did you mean 'scripted'"),
        (["optimize", "TASK", "--max-calls", "70"], "give at least"),
        (["eval", "TASK", "--data", "gone.jsonl"], "gone.jsonl"),
        (["eval", "TASK", "--data", "SEALED"], "is the sealed file"),
        (["diff", "PROMPT", "gone.md"], "gone.md"),
        (["report", "gone"], "gone"),
    ],
    ids=["task", "setting", "model", "calls", "data", "sealed", "prompt", "run"],
)
def test_what_cannot_be_done_exits_with_2_and_one_line(shell: Shell, arguments: list[str], said: str) -> None:
    folder = shell.task.parent
    places = {"TASK": shell.task, "SEALED": folder / "sealed.jsonl", "PROMPT": folder / "prompt.md"}
    out = ["--out", shell.out] if arguments[0] == "optimize" else []
    code, stdout, stderr = shell.apo(*(places.get(argument, argument) for argument in arguments), *out)
    assert (code, stdout) == (2, "")
    assert is_one_line(stderr)
    assert said in stderr
    assert not shell.out.exists()
    assert shell.calls == 0


def test_dry_run_asks_nothing_and_writes_nothing(shell: Shell) -> None:
    before = sorted(shell.task.parent.rglob("*"))
    text = shell.optimize("--dry-run")
    data = shell.optimize("--dry-run", "--json")
    assert (text.code, data.code) == (0, 0)
    assert "calls 460 at most: 400 search" in text.out
    assert json.loads(data.out)["calls"].items() >= {"search": 400, "gate": 60, "total": 460}.items()
    assert text.err == data.err == ""
    assert shell.engines == []
    assert sorted(shell.task.parent.rglob("*")) == before


def test_resume_of_a_finished_run_prints_the_same_report(released: Released) -> None:
    calls = released.shell.calls
    again = released.shell.optimize("--resume", "--json")
    assert (again.code, json.loads(again.out)) == (0, json.loads(released.ran.out))
    assert released.shell.calls == calls
    assert "calls: " not in again.err


def test_a_second_run_in_the_same_folder_is_refused(released: Released) -> None:
    code, out, err = released.shell.optimize()
    assert (code, out) == (2, "")
    assert is_one_line(err)
    assert "--resume" in err


def test_report_prints_a_finished_run(released: Released) -> None:
    data = released.shell.apo("report", released.shell.out, "--json")
    assert (data.code, json.loads(data.out)) == (0, json.loads(released.ran.out))
    text = released.shell.apo("report", released.shell.out)
    assert text.code == 0
    assert text.out.strip()
    assert "champion.md" in text.err


def test_diff_exits_with_1_when_something_changed(released: Released) -> None:
    start, champion = released.shell.task.parent / "prompt.md", released.shell.out / "champion.md"
    assert released.shell.apo("diff", start, start) == (0, "no difference\n", "")
    text = released.shell.apo("diff", start, champion)
    data = released.shell.apo("diff", start, champion, "--json")
    assert (text.code, data.code) == (1, 1)
    assert text.out.strip()
    assert json.loads(data.out)["changes"] == json.loads(released.ran.out)["diff"]


def test_eval_scores_a_prompt(released: Released) -> None:
    champion = released.shell.out / "champion.md"
    code, out, err = released.shell.apo("eval", released.shell.task, "--prompt", champion, "-n", 20, "--json")
    scores = json.loads(out)
    assert code == 0
    assert scores["prompt"] == json.loads(released.ran.out)["champion"]["sha256"]
    assert scores["score"]["value"] > 0
    assert scores["noise"] is None
    assert "calls: " in err


def test_eval_reports_the_noise_floor(shell: Shell) -> None:
    asked = count()
    shell.answer = lambda _request: '["Acme"]' if next(asked) == 12 else "[]"
    code, out, err = shell.apo("eval", shell.task, "--limit", 12, "--repeats", 2)
    assert code == 0
    assert out.splitlines()[-1] == "noise floor: 1 of 12 answers changed over 2 runs"
    assert "calls: 24/24" in err


def test_an_interrupted_run_exits_with_130_and_resumes(shell: Shell, released: Released) -> None:
    shell.answer = interrupt_after(150)
    code, out, err = shell.optimize("--json")
    assert (code, out) == (130, "")
    assert err.endswith(
        "warning: interrupted; what was done is kept: give the command again, with --resume where it has one\n"
    )
    assert shell.apo("report", shell.out).code == 2

    shell.answer = by_demos
    resumed = shell.optimize("--resume", "--json")
    assert resumed.code == 0
    found, whole = json.loads(resumed.out), json.loads(released.ran.out)
    assert found["verdict"] == whole["verdict"]
    assert found["champion"] == whole["champion"]
    in_flight = shell.engines[0].slots
    assert shell.calls <= whole["calls"]["calls"] + in_flight
