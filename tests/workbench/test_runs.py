import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DataError, UsageError
from workbench.runs import Inputs, Run, digest_file, digest_json, read_run

SETTINGS = {"model": "embedded", "search": {"rounds": 8, "batches": [1, 2]}}
INPUTS = Inputs(seed=7, prompts={"headlines": "ab12"}, data={"dev-1": "cd34"})


def clock() -> float:
    return 1_700_000_000.5


def begin(path: Path, **changes: Any) -> Run:
    return Run.create(path, {**SETTINGS, **changes}, clock=clock, inputs=INPUTS)


def test_create_writes_settings_and_manifest(tmp_path: Path) -> None:
    with begin(tmp_path / "deep" / "run") as run:
        assert json.loads((run.path / "settings.json").read_text()) == SETTINGS
        manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["settings_sha256"] == digest_json(SETTINGS)
    assert manifest["inputs"] == {"seed": 7, "prompts": {"headlines": "ab12"}, "data": {"dev-1": "cd34"}}
    assert manifest["created"] == "2023-11-14T22:13:20.500+00:00"
    assert manifest["finished"] is None
    assert {"python", "numpy", "dspy"} <= manifest["versions"].keys()


def test_append_numbers_and_dates_events_and_open_reads_them_back(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.append("trial", score=0.5, span=(1, 2))
        run.append("drop", candidate="c1")
    with Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS) as run:
        time = "2023-11-14T22:13:20.500+00:00"
        assert run.events == [
            {"seq": 0, "time": time, "event": "trial", "score": 0.5, "span": [1, 2]},
            {"seq": 1, "time": time, "event": "drop", "candidate": "c1"},
        ]
        assert run.append("trial", score=0.6)["seq"] == 2


def test_append_refuses_the_names_that_every_event_has(tmp_path: Path) -> None:
    with begin(tmp_path) as run, pytest.raises(ValueError, match="seq"):
        run.append("trial", seq=3)


def test_open_drops_a_torn_last_event(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.append("trial", score=0.5)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"seq":1,"eve')
    with Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS) as run:
        assert run.append("trial", score=0.6)["seq"] == 1
    assert [event["seq"] for event in read_run(tmp_path).events] == [0, 1]


@pytest.mark.parametrize("edit", [lambda lines: lines[1:], lambda lines: [lines[0], lines[0]]], ids=["lost", "twice"])
def test_open_refuses_an_edited_log(tmp_path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    with begin(tmp_path) as run:
        run.append("a")
        run.append("b")
    log = tmp_path / "events.jsonl"
    log.write_text("".join(edit(log.read_text().splitlines(keepends=True))))
    with pytest.raises(DataError, match=r"events\.jsonl:\d: expected event"):
        Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS)


def test_create_refuses_a_folder_that_holds_a_run(tmp_path: Path) -> None:
    begin(tmp_path).close()
    with pytest.raises(UsageError, match="holds a run already; go on from it with --resume"):
        begin(tmp_path)


def test_create_says_that_a_run_is_finished(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.finish({}, "")
    with pytest.raises(UsageError, match="holds a finished run"):
        begin(tmp_path)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "settings.json"])
def test_open_refuses_a_folder_that_is_not_a_run(tmp_path: Path, resume: bool, name: str) -> None:
    (tmp_path / name).write_text('{"mine": true}')
    with pytest.raises(UsageError, match="not empty and holds no run"):
        Run.open(tmp_path, SETTINGS, clock=clock, resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == '{"mine": true}'


def test_open_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        begin(tmp_path / "run")


@pytest.mark.parametrize("left", [[], ["settings.json"]], ids=["lock only", "settings written"])
def test_open_begins_again_after_a_kill_in_the_first_moment(tmp_path: Path, left: list[str]) -> None:
    begin(tmp_path).close()
    for path in tmp_path.iterdir():
        if path.name not in [".lock", *left]:
            path.unlink()
    with Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS) as run:
        assert run.events == []
    assert read_run(tmp_path).settings == SETTINGS


def test_open_names_the_settings_that_differ(tmp_path: Path) -> None:
    begin(tmp_path).close()
    other = {"model": "embedded", "search": {"rounds": 9, "batches": [1, 2]}, "extra": True}
    with pytest.raises(UsageError) as caught:
        Run.open(tmp_path, other, clock=clock, inputs=INPUTS)
    assert "extra was null, is now true; search.rounds was 8, is now 9" in str(caught.value)
    assert "model" not in str(caught.value)


def test_open_names_the_inputs_that_differ(tmp_path: Path) -> None:
    begin(tmp_path).close()
    changed = Inputs(seed=7, prompts={"headlines": "ab12"}, data={"dev-1": "ffff"})
    with pytest.raises(UsageError, match=r'inputs\.data\.dev-1 was "cd34", is now "ffff"'):
        Run.open(tmp_path, SETTINGS, clock=clock, inputs=changed)


def test_open_refuses_settings_edited_on_disk(tmp_path: Path) -> None:
    begin(tmp_path).close()
    (tmp_path / "settings.json").write_text('{"model": "other"}')
    with pytest.raises(DataError, match="was changed after the run began"):
        Run.open(tmp_path, {"model": "other"}, clock=clock, inputs=INPUTS)


def test_open_refuses_a_damaged_manifest(tmp_path: Path) -> None:
    begin(tmp_path).close()
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS)


def test_one_process_writes_a_run_at_a_time(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(UsageError, match="another process is writing"):
        Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS)
    Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS).close()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from workbench.runs import Run\n"
        "run = Run.create(Path(sys.argv[1]), {}, clock=time.time)\n"
        "for i in range(10**9): run.append('trial', i=i); print(i, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(5)]
    with pytest.raises(UsageError, match="another process"):
        Run.open(tmp_path, {}, clock=clock)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    with Run.open(tmp_path, {}, clock=clock) as run:
        assert [event["i"] for event in run.events] == list(range(len(run.events)))
        assert len(run.events) > told[-1]


def test_finish_leaves_report_and_page_and_reopens_as_finished(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        assert run.finished is None
        run.finish({"gain": 0.12}, "<html></html>")
    with Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS) as run:
        assert run.finished == "2023-11-14T22:13:20.500+00:00"
    record = read_run(tmp_path)
    assert record.report == {"gain": 0.12}
    assert (tmp_path / "report.html").read_text() == "<html></html>"


def test_record_keeps_a_fact_in_the_manifest(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.record("peeks", [{"sealed": "cd34"}])
    with Run.open(tmp_path, SETTINGS, clock=clock, inputs=INPUTS) as run:
        assert run.manifest["peeks"] == [{"sealed": "cd34"}]
        assert run.manifest["settings_sha256"] == digest_json(SETTINGS)


def test_read_run_needs_no_lock_and_no_end(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.append("trial", score=0.5)
        record = read_run(tmp_path)
    assert record.settings == SETTINGS
    assert [event["event"] for event in record.events] == ["trial"]
    assert record.report is None


def test_read_run_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run; give the folder that --out named"):
        read_run(tmp_path)


def test_no_key_of_the_environment_enters_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "sk-hunter2-sentinel")
    with begin(tmp_path) as run:
        run.append("trial", score=0.5)
        run.record("peeks", [])
        run.finish({"gain": 0.1}, "<html></html>")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert not [path.name for path in files if b"hunter2" in path.read_bytes()]


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=5), st.randoms(use_true_random=False))
def test_digest_json_ignores_the_order_of_keys(value: dict[str, object], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert digest_json({key: value[key] for key in keys}) == digest_json(value)
    assert digest_json({**value, "more": 1}) != digest_json({**value, "more": 2})


def test_digest_file_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert digest_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
