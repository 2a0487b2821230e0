import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workbench import console


@pytest.fixture(autouse=True)
def normal() -> Iterator[None]:
    console.set_verbosity("normal")
    yield
    console.set_verbosity("normal")


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_data_goes_to_stdout_and_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("begun")
    console.warn("slow")
    console.fail("gone")
    console.print_text("data")
    out, err = capsys.readouterr()
    assert out == "data\n"
    assert err.splitlines() == ["begun", "warning: slow", "error: gone"]


@pytest.mark.parametrize(
    ("verbosity", "expected"),
    [("quiet", ["warning: w", "error: f"]), ("normal", ["s", "warning: w", "error: f"])],
)
def test_verbosity_chooses_what_is_said(
    verbosity: console.Verbosity, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    console.set_verbosity(verbosity)
    console.say("s")
    console.detail("d")
    console.warn("w")
    console.fail("f")
    assert capsys.readouterr().err.splitlines() == expected


def test_detail_speaks_when_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbosity("verbose")
    console.detail("d")
    assert capsys.readouterr().err == "d\n"


def test_errors_are_one_line_and_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console.fail("a\n  [bold]b[/bold] :smile: " + "x" * 200)
    assert capsys.readouterr().err == "error: a [bold]b[/bold] :smile: " + "x" * 200 + "\n"


def test_fail_with_traceback_shows_where_and_asks_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("lost")
    except KeyError as exc:
        console.fail_with_traceback(exc)
    out, err = capsys.readouterr()
    assert out == ""
    assert "test_console.py" in err
    assert err.splitlines()[-1].startswith("error: this is a bug in openbook (KeyError)")


def test_print_json_leads_with_the_schema_and_parses(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"f1": 0.5, "cost": None, "text": "né [x]"})
    out = capsys.readouterr().out
    assert list(json.loads(out).items()) == [("schema", 1), ("f1", 0.5), ("cost", None), ("text", "né [x]")]


@pytest.mark.parametrize("data", [{"schema": 2}, {"f1": float("nan")}], ids=["taken", "nan"])
def test_print_json_refuses_what_readers_could_not_take(data: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"schema|JSON compliant"):
        console.print_json(data)


def test_print_table_keeps_brackets_and_long_cells_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = "[Apple] " + "x" * 200
    console.print_table(["headline", "n"], [[long, 3], ["short", None]], title="Worst")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Worst"
    assert any(long in line and line.rstrip().endswith("3") for line in lines)
    assert any("short" in line and "–" in line for line in lines)


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with console.progress(100, "searching", clock=clock) as ticker:
        for _ in range(40):
            clock.now += 1
            ticker.advance(note="best 0.41")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "searching: 10/100, 1 min 30 s left, best 0.41",
        "searching: 20/100, 1 min 20 s left, best 0.41",
        "searching: 30/100, 1 min 10 s left, best 0.41",
        "searching: 40/100, 1 min 00 s left, best 0.41",
    ]


def test_progress_says_how_far_it_came_when_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), console.progress(10, "searching", clock=Clock()) as ticker:
        ticker.advance(3)
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "searching: 3/10, 0 s left\n"


def test_progress_is_silent_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbosity("quiet")
    with console.progress(10, "searching") as ticker:
        ticker.advance(10)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_format_seconds(seconds: float, expected: str) -> None:
    assert console.format_seconds(seconds) == expected


def test_progress_on_a_terminal_draws_a_bar_and_leaves_stdout_to_data() -> None:
    script = (
        "from workbench import console\n"
        "with console.progress(4, 'search [x]') as ticker:\n"
        "    ticker.advance(4, note='best [0.41]')\n"
        "    console.print_json({'f1': 0.5})"
    )
    terminal, side = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=side, env=environment)
    os.close(side)
    drawn = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert json.loads(child.stdout) == {"schema": 1, "f1": 0.5}
    assert "search [x]" in drawn
    assert "best [0.41]" in drawn
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1, "the cursor is hidden once and comes back"
