import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import cli
from workbench.errors import DataError


def stop_with(code: int) -> Callable[[], None]:
    def verb() -> None:
        raise typer.Exit(code)

    return verb


def raise_error(error: BaseException) -> Callable[[], None]:
    def verb() -> None:
        raise error

    return verb


def run(verb: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run a script of one verb, `go`, and return its exit code."""
    app = typer.Typer()
    app.command("go")(verb)
    monkeypatch.setattr(sys, "argv", ["tool", *(arguments or ["go"])])
    with pytest.raises(SystemExit) as caught:
        cli._run("tool", app, "A tool.")
    return caught.value.code


@pytest.mark.parametrize("code", [0, 1, 2])
def test_exit_codes_of_verbs_are_kept(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(stop_with(code), monkeypatch) == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("bad\nline", path="d.jsonl", line=3), 2, "error: d.jsonl:3: bad line\n"),
        (OSError(errno.ENOSPC, "disk full"), 2, f"error: the system refused: [Errno {errno.ENOSPC}] disk full\n"),
        (
            KeyboardInterrupt(),
            130,
            "warning: interrupted; what was done is kept: give the command again, with --resume where it has one\n",
        ),
    ],
    ids=["known", "system", "interrupt"],
)
def test_errors_are_one_line_on_stderr(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(raise_error(error), monkeypatch) == code
    assert capsys.readouterr() == ("", said)


def test_a_bug_shows_its_traceback_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raise_error(KeyError("lost")), monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" in err
    assert "this is a bug in openbook" in err


def test_usage_errors_exit_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stop_with(0), monkeypatch, "gone") == 2
    assert capsys.readouterr().out == ""


def test_version_goes_to_stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stop_with(1), monkeypatch, "--version") == 0
    assert re.fullmatch(r"tool \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_apo_help_lists_completion() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import cli; cli.apo()", "--help"], capture_output=True, text=True, check=True
    )
    assert "--install-completion" in shown.stdout
    assert "--version" in shown.stdout
    assert shown.stderr == ""


def test_ctrl_c_exits_with_130(tmp_path: Path) -> None:
    script = (
        "import time, typer, cli\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def go():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "cli._run('tool', app, 'A tool.')"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, "go"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate()
    assert child.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err


def test_apo_turns_telemetry_off_unless_the_user_decided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DO_NOT_TRACK")
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    monkeypatch.setattr(sys, "argv", ["apo", "--help"])
    with pytest.raises(SystemExit):
        cli.apo()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "0"
