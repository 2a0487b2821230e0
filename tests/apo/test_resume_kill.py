"""A run is killed with SIGKILL; continued, it ends as one that never was, and pays nothing twice."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from apo.optimize import run_task
from apo.task import load_task
from lm.base import Request
from lm.fake import Scripted
from lm.open import OPENERS
from lm.road import request_key
from lm.store import ReplyStore
from tests.lm.openai_server import pick_phrases

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "headlines"
TASK = """
name = "headlines"
prompt = "prompt.md"
rules = "rules.md"
dev = ["dev.jsonl"]
sealed = "sealed.jsonl"
model = {name = "scripted"}
budget = {max_calls = 320}
search = {heat = 8}
"""
MOMENTS = (("call", 20), ("round", 1), ("gate", 1))
"""Kind of event and how many of them a process lives to see: in a race, between rounds, when the look is charged."""


def make_task(folder: Path) -> Path:
    """A small task of its own, so that its looks are its own."""
    folder.mkdir()
    for name in ("prompt.md", "rules.md"):
        (folder / name).write_bytes((EXAMPLE / name).read_bytes())
    for source, name, size in (("dev-1.jsonl", "dev.jsonl", 40), ("sealed.jsonl", "sealed.jsonl", 30)):
        with (EXAMPLE / source).open("rb") as lines:
            (folder / name).write_bytes(b"".join(islice(lines, size)))
    (folder / "task.toml").write_text(TASK, encoding="utf-8")
    return folder / "task.toml"


def scripted(log: Path) -> Scripted:
    """A model that depends on the messages only and writes down what it was asked."""

    def answer(request: Request) -> str:
        with log.open("a", encoding="utf-8") as file:
            file.write(request_key(request, "scripted") + "\n")
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return pick_phrases({"messages": messages})

    return Scripted(answer, latency_s=0.002)


def optimize_until(task: Path, out: Path, log: Path, kind: str, count: int) -> None:
    """Go on with a run and die at the `count`-th event of a kind; for a process of its own."""
    OPENERS["scripted"] = lambda spec, options: scripted(log)
    left = count

    def observe(event) -> None:
        nonlocal left
        left -= event.kind == kind
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    run_task(load_task(task), out, resume=True, clock=time.time, observe=observe)


def kill_at(task: Path, out: Path, log: Path, moment: tuple[str, int]) -> None:
    """Run the above until it is dead."""
    code = "import sys; from pathlib import Path; from tests.apo.test_resume_kill import optimize_until as until;"
    code += "until(*map(Path, sys.argv[1:4]), sys.argv[4], int(sys.argv[5]))"
    command = [sys.executable, "-c", code, str(task), str(out), str(log), moment[0], str(moment[1])]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL


def read_keys(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def outcome(task: Path, out: Path) -> dict:
    """What a run came to: report but for the ledger of calls, events but for the times, prompt, looks."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    events = [json.loads(line) for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    looks = task.with_name("sealed.looks.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "report": {name: value for name, value in report.items() if name != "calls"},
        "events": [{name: value for name, value in event.items() if name != "time"} for event in events],
        "prompt": {path.name: path.read_bytes() for path in out.glob("*.md")},
        "questions": [json.loads(look)["question"] for look in looks],
    }


def optimize(task: Path, out: Path, *, resume: bool) -> dict:
    return run_task(load_task(task), out, resume=resume, clock=time.time, observe=lambda event: None)


def test_killed_run_ends_as_one_that_never_was_and_pays_nothing_twice(tmp_path, monkeypatch):
    log, out = tmp_path / "peace.log", tmp_path / "peace"
    monkeypatch.setitem(OPENERS, "scripted", lambda spec, options: scripted(log))
    task = make_task(tmp_path / "data-peace")
    optimize(task, out, resume=False)
    expected, needed = outcome(task, out), set(read_keys(log))
    assert expected["report"]["verdict"]["look"] == 1

    log, out = tmp_path / "killed.log", tmp_path / "killed"
    task = make_task(tmp_path / "data-killed")
    seen, stored = 0, set()
    for moment in (*MOMENTS, None):
        kill_at(task, out, log, moment) if moment else optimize(task, out, resume=True)
        asked = read_keys(log)[seen:]
        seen += len(asked)
        assert len(asked) == len(set(asked))
        assert not stored & set(asked)
        with closing(ReplyStore(out / "replies.sqlite")) as store:
            stored = {key for key in needed if store.get(key)}
    assert stored == needed == set(read_keys(log))
    assert outcome(task, out) == expected


def test_finished_run_is_resumed_without_a_call_and_with_its_report(tmp_path, monkeypatch):
    log, out = tmp_path / "calls.log", tmp_path / "run"
    monkeypatch.setitem(OPENERS, "scripted", lambda spec, options: scripted(log))
    task = make_task(tmp_path / "data")
    report = optimize(task, out, resume=False)
    before = outcome(task, out), read_keys(log)
    again = optimize(task, out, resume=True)
    assert json.dumps(again, sort_keys=True) == json.dumps(report, sort_keys=True)
    assert (outcome(task, out), read_keys(log)) == before
