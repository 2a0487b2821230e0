"""Runs of many pairs: the folder, what a stop leaves, the caps, the report; once with SIGKILL, once for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import anyio
import pytest

import cli
from lm.base import Request
from lm.fake import Answer, Scripted
from lm.road import request_key
from lm.score_cache import ScoreCache
from lm.scores import Scorer
from lm.store import ReplyStore
from reer.pairs import load_pairs
from reer.trace_report import format_report, is_useful
from reer.trace_run import MAX_LOST, Job, Tools, finished_report, trace_pairs
from reer.traces import Plan
from tests.reer.builders import Reader, make_pair
from tests.reer.scripts import PAIRS, STEPS, hashed, improving, is_draft, part_of, writer_of
from workbench.errors import BudgetError, ModelError, UsageError
from workbench.jsonl import append_jsonl

ROOT = Path(__file__).parents[2]


class Ticks:
    """Counts progress."""

    def __init__(self, on_tick=lambda: None):
        self.done = self.total = self.ticks = 0
        self.on_tick = on_tick

    @contextmanager
    def __call__(self, total, description):
        self.total = total
        yield self

    def advance(self, count=1, *, note=None):
        self.done += count
        self.ticks += 1
        self.on_tick()


def write_pairs(path: Path, pairs=PAIRS) -> Path:
    for pair in pairs:
        record = asdict(pair)
        append_jsonl(path, {**record, "x": list(record["x"])})
    return path


def make_job(file: Path, plan: Plan | None = None, **more) -> Job:
    return Job(file, load_pairs(file).pairs, "scripted", "reader", plan or Plan(), **more)


def trace(job: Job, out: Path, engine: Scripted, *, resume=False, progress=None, reader=None) -> dict:
    async def work():
        with closing(ScoreCache(out.with_suffix(".sqlite"))) as cache:
            tools = Tools(engine, Scorer(reader or Reader(), cache=cache), lambda: 0.0, progress or Ticks())
            return await trace_pairs(job, out, tools, resume=resume)

    return anyio.run(work)


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "traces.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_run_has_a_line_for_each_pair_and_says_what_counts(tmp_path):
    odd = [
        make_pair(11, "Yes."),
        make_pair(12, "Early repayment is possible each month.", category="loans"),
        make_pair(13, "For a lost phone we take nothing at all."),
    ]

    def answer(request: Request) -> str:
        dull = is_draft(request) and "lost phone" in part_of(request, "reply")
        return "I would say" if dull else json.dumps(STEPS) if is_draft(request) else improving(request)

    ticks = Ticks()
    job = make_job(write_pairs(tmp_path / "p.jsonl", [*PAIRS, *odd]))
    report = trace(job, tmp_path / "r", Scripted(answer), progress=ticks)
    records = lines(tmp_path / "r")
    assert [record["id"] for record in records] == [*(pair.id for pair in PAIRS), "p11", "p12", "p13"]
    assert [record["status"] for record in records] == ["found"] * 4 + ["skipped", "found", "rejected"]
    assert (report["found"], report["useful"], report["no_transfer"]) == (5, 4, 1)
    assert (report["rejected"], report["skipped"]) == ({"unreadable": 1}, {"short-reply": 1})
    assert records[5]["transfer"] is None
    assert records[5]["no_transfer"] == "its category has one conversation"
    first = records[0]
    assert first["trace"] == "".join(first["segments"])
    assert first["loss"]["last"]["nll"] < first["loss"]["first"]["nll"]
    assert first["transfer"] == pytest.approx(sum(each["gain"] for each in first["witnesses"]) / 4)
    assert PAIRS[0].id not in {each["id"] for each in first["witnesses"]}
    assert report["figures"]["gain"]["n"] == 5
    assert report["figures"]["transfer"]["n"] == 4
    assert report["figures"]["elsewhere"]["n"] == 5
    assert report["best"][0]["transfer"] == max(record["transfer"] or 0 for record in records if record["trace"])
    assert report["calls"]["asked"] == sum(record["calls"] for record in records)
    assert ticks.done == ticks.total
    text = format_report(report)
    assert text.startswith("7 pairs: 5 traces, 4 of them useful")
    assert "\nrejected: 1 unreadable\nskipped: 1 short-reply\n" in text
    assert "1 traces have no other conversation" in text
    assert "<h2>p1</h2>" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report))


@pytest.mark.parametrize(
    ("transfer", "elsewhere", "useful"),
    [
        (0.2, 0.1, True),
        (0.2, None, True),
        (0.2, -0.1, True),
        (0.1, 0.2, False),
        (-0.1, -0.2, False),
        (None, 0.1, False),
    ],
)
def test_a_trace_is_useful_where_its_category_gains_and_more_than_others(transfer, elsewhere, useful):
    assert is_useful({"transfer": transfer, "elsewhere": elsewhere}) is useful


def test_a_run_without_a_trace_is_reported_in_full(tmp_path):
    report = trace(make_job(write_pairs(tmp_path / "p.jsonl")), tmp_path / "r", writer_of("nothing", improving))
    assert (report["found"], report["rejected"]) == (0, {"unreadable": 4})
    assert set(report["figures"].values()) == {None}
    assert "4 pairs: 0 traces" in format_report(report)


class Stopped(Exception):
    """Ends a run at a moment."""


def test_stopped_at_any_step_a_run_ends_the_same_and_pays_for_nothing_twice(tmp_path):
    job, asked = make_job(write_pairs(tmp_path / "p.jsonl")), []

    def answer(request: Request) -> str:
        asked.append(request_key(request, "scripted"))
        return hashed(request)

    expected = trace(job, tmp_path / "whole", Scripted(answer, slots=1))
    needed, most = set(asked), Ticks()
    assert expected["found"] >= 2
    asked.clear()
    trace(job, tmp_path / "count", Scripted(hashed, slots=1), progress=most)
    for moment in range(1, most.ticks, 7):
        out, left, seen = tmp_path / f"m{moment}", moment, len(asked)

        def stop():
            nonlocal left
            left -= 1
            if not left:
                raise Stopped

        with pytest.raises(ExceptionGroup):
            trace(job, out, Scripted(answer, slots=1), progress=Ticks(stop))
        assert trace(job, out, Scripted(answer, slots=1), resume=True) == expected
        assert (out / "traces.jsonl").read_bytes() == (tmp_path / "whole" / "traces.jsonl").read_bytes()
        paid = asked[seen:]
        assert len(paid) == len(set(paid))
        assert set(paid) == needed


def die_after(file: str, out: str, log: str, ticks: int) -> None:
    """Go on with a run and die at a step; for a process of its own."""

    def answer(request: Request) -> str:
        with Path(log).open("a", encoding="utf-8") as written:
            written.write(request_key(request, "scripted") + "\n")
        return hashed(request)

    left = ticks

    def tick() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    trace(make_job(Path(file)), Path(out), Scripted(answer), resume=True, progress=Ticks(tick))


def test_a_killed_run_ends_as_one_that_never_was_and_pays_for_nothing_twice(tmp_path):
    file, log, out = write_pairs(tmp_path / "p.jsonl"), tmp_path / "log", tmp_path / "r"
    expected = trace(make_job(file), tmp_path / "whole", Scripted(hashed))
    code = "import sys; from tests.reer.test_trace_run import die_after; die_after(*sys.argv[1:4], int(sys.argv[4]))"
    for ticks in (1, 3, 4):
        command = [sys.executable, "-c", code, str(file), str(out), str(log), str(ticks)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    killed = log.read_text(encoding="utf-8").split()
    engine = Scripted(lambda request: killed.append(request_key(request, "scripted")) or hashed(request))
    assert trace(make_job(file), out, engine, resume=True) == expected
    assert (out / "traces.jsonl").read_bytes() == (tmp_path / "whole" / "traces.jsonl").read_bytes()
    assert len(killed) == len(set(killed))


def test_a_finished_run_is_not_run_again(tmp_path):
    job = make_job(write_pairs(tmp_path / "p.jsonl"))
    report = trace(job, tmp_path / "r", writer_of(STEPS, improving))
    with pytest.raises(UsageError, match="--resume"):
        trace(job, tmp_path / "r", writer_of(STEPS, improving))
    engine = writer_of(STEPS, improving)
    assert json.dumps(trace(job, tmp_path / "r", engine, resume=True)) == json.dumps(
        finished_report(job, tmp_path / "r", lambda: 0.0)
    )
    assert engine.calls == 0
    assert finished_report(job, tmp_path / "r", lambda: 0.0) == json.loads(json.dumps(report))
    assert finished_report(job, tmp_path / "none", lambda: 0.0) is None
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="steps was 10, is now 3"):
        trace(make_job(job.file, Plan(steps=3)), tmp_path / "r", engine, resume=True)


def test_the_cap_on_calls_holds_over_resumptions_and_may_be_raised(tmp_path):
    file, engine = write_pairs(tmp_path / "p.jsonl"), writer_of(STEPS, improving)
    for _ in range(2):
        with pytest.raises(BudgetError, match="budget of 5 calls"):
            trace(make_job(file, max_calls=5), tmp_path / "r", engine, resume=True)
    assert engine.calls == 5
    report = trace(make_job(file), tmp_path / "r", engine, resume=True)
    assert report["found"] == 4
    with closing(ReplyStore(tmp_path / "r" / "replies.sqlite")) as store:
        assert len(store) == engine.calls == report["calls"]["paid"]


def test_pairs_that_a_server_did_not_answer_are_asked_again(tmp_path):
    job = make_job(write_pairs(tmp_path / "p.jsonl"))

    def rewrite(request: Request) -> Answer:
        lost = "number 2" in part_of(request, "reply")
        return ModelError("the server is gone", cause="server") if lost else improving(request)

    with pytest.raises(ModelError, match="1 pairs are left, one because: the server is gone; go on with --resume"):
        trace(job, tmp_path / "r", writer_of(STEPS, rewrite))
    engine = writer_of(STEPS, improving)
    assert trace(job, tmp_path / "r", engine, resume=True)["found"] == 4
    assert 0 < engine.calls < 30


def test_a_server_that_is_gone_ends_a_run_soon(tmp_path):
    pairs = [make_pair(number, f"The card number {number} is blocked by now.") for number in range(30)]
    engine = Scripted(lambda request: ModelError("the server is gone", cause="server"), slots=1)
    with pytest.raises(ModelError, match="30 pairs are left"):
        trace(make_job(write_pairs(tmp_path / "p.jsonl", pairs)), tmp_path / "r", engine)
    assert engine.calls == MAX_LOST


def test_a_model_that_refuses_every_pair_is_an_error(tmp_path):
    engine = Scripted(lambda request: ModelError("no such model", cause="request"))
    with pytest.raises(ModelError, match="no pair could be tried, the first because: no such model"):
        trace(make_job(write_pairs(tmp_path / "p.jsonl")), tmp_path / "r", engine)


def reer(*arguments: str) -> int:
    """The exit code of the script."""
    before, sys.argv = sys.argv, ["reer", "trace", *arguments]
    try:
        with pytest.raises(SystemExit) as caught:
            cli.reer()
    finally:
        sys.argv = before
    return int(caught.value.code or 0)


def test_what_is_given_wrong_is_said_and_leaves_no_folder(tmp_path, capsys):
    file = write_pairs(tmp_path / "p.jsonl")
    out = tmp_path / "r"
    assert reer(str(tmp_path / "none.jsonl"), "--out", str(out)) == 2
    assert reer(str(file), "--out", str(out), "--model", "embeded") == 2
    assert reer(str(file), "--out", str(out), "--max-overlap", "2") == 2
    said = capsys.readouterr()
    assert (said.out, "did you mean 'embedded'" in said.err) == ("", True)
    assert not out.exists()


def test_the_report_of_a_finished_run_is_printed_and_its_verdict_is_the_exit_code(tmp_path, capsys):
    file, out = write_pairs(tmp_path / "p.jsonl"), tmp_path / "r"
    same = ("--resume", "--model", "scripted", "--scorer", "reader")
    trace(make_job(file), out, writer_of(STEPS, improving))
    assert reer(str(file), "--out", str(out), *same, "--json") == 0
    assert json.loads(capsys.readouterr().out)["useful"] == 4
    trace(make_job(file), tmp_path / "none", writer_of("nothing", improving))
    assert reer(str(file), "--out", str(tmp_path / "none"), *same) == 1
    assert "4 pairs: 0 traces" in capsys.readouterr().out
    assert reer(str(file), "--out", str(out), *same, "--seed", "1") == 2
    assert "seed was 0, is now 1" in capsys.readouterr().err


def test_categories_beside_the_pairs_count_and_are_inputs_of_the_run(tmp_path, capsys, monkeypatch):
    file, out = write_pairs(tmp_path / "p.jsonl", [replace(pair, category=None) for pair in PAIRS]), tmp_path / "r"
    (tmp_path / "categories.toml").write_text('[categories]\ncards = "Cards."\n')
    assigned = "".join(
        json.dumps({"id": pair.id, "category": "cards", "margin": 1.0, "by": "cluster"}) + "\n" for pair in PAIRS
    )
    (tmp_path / "assignments.jsonl").write_text(assigned)
    jobs = []

    async def search(job, *_, **__):
        jobs.append(job)
        return {"useful": 0}

    monkeypatch.setattr("reer.trace_commands._search", search)
    assert reer(str(file), "--out", str(out), "--json") == 1
    assert {pair.category for pair in jobs[0].pairs} == {"cards"}
    before = jobs[0].inputs.data
    assert set(before) == {"p.jsonl", "categories.toml", "assignments.jsonl"}
    (tmp_path / "categories.toml").write_text('[categories]\ncards = "All cards."\n')
    assert jobs[0].inputs.data["categories.toml"] != before["categories.toml"]
    (tmp_path / "assignments.jsonl").unlink()
    assert reer(str(file), "--out", str(out)) == 2
    assert "find categories first" in capsys.readouterr().err


@pytest.mark.embedded
def test_the_embedded_model_runs_it_for_real(tmp_path, capsys):
    pytest.importorskip("torch")
    pairs = [make_pair(1, "For a lost debit card we take 9 euros."), make_pair(2, "A lost card costs you 9 euros.")]
    file = write_pairs(tmp_path / "p.jsonl", pairs)
    few = ("--limit", "1", "--steps", "1", "--expansion", "1")
    assert reer(str(file), "--out", str(tmp_path / "r"), *few, "--json") in (0, 1)
    report = json.loads(capsys.readouterr().out)
    assert report["pairs"] == 1 == report["found"] + sum(report["rejected"].values())
    assert report["calls"]["paid"] >= 1
