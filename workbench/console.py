"""The only place that writes to a stream: data to stdout, everything else to stderr.

So `apo eval --json | jq` always works. Bars need a terminal; elsewhere progress is a plain line now and then. Text is
never read as markup, because headlines and prompts are full of brackets.

    with progress(1200, "searching") as ticker:
        ticker.advance(45, note="best 0.41")
    print_json({"f1": 0.48})
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SCHEMA = 1
"""Version of what `--json` prints; it grows when a key changes its meaning or goes away."""

LINE_EVERY_S = 10.0
"""Without a terminal, progress speaks at most this often."""

console = Console(stderr=True, markup=False, highlight=False, emoji=False)
"""Everything that is not data goes through here."""

Verbosity = Literal["quiet", "normal", "verbose"]

_verbosity: Verbosity = "normal"


class Ticker(Protocol):
    """Shows how far long work has come; safe to call from worker threads."""

    def advance(self, count: int = 1, *, note: str | None = None) -> None:
        """Count finished steps; a note replaces the last one."""
        ...


def set_verbosity(verbosity: Verbosity) -> None:
    """Choose what reaches stderr: quiet keeps warnings and errors, verbose adds details."""
    global _verbosity
    _verbosity = verbosity


def say(message: str, *, style: str | None = None) -> None:
    """Tell the user something, on stderr."""
    if _verbosity != "quiet":
        console.print(message, style=style, soft_wrap=True)


def detail(message: str) -> None:
    """Tell the user something that only `--verbose` asks for."""
    if _verbosity == "verbose":
        console.print(message, style="dim", soft_wrap=True)


def warn(message: str) -> None:
    """Warn, in one line, even when quiet."""
    console.print(f"warning: {_one_line(message)}", style="yellow", soft_wrap=True)


def fail(message: str) -> None:
    """Say in one line why it could not be done."""
    console.print(f"error: {_one_line(message)}", style="red", soft_wrap=True)


def fail_with_traceback(error: BaseException) -> None:
    """Show a bug of ours in full: whoever reports it needs the traceback."""
    console.print("".join(traceback.format_exception(error)), end="", soft_wrap=True)
    fail(f"this is a bug in openbook ({type(error).__name__}); please report it with the lines above")


def print_text(text: str) -> None:
    """Write data to stdout as it is, with a newline at its end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def print_json(data: Mapping[str, Any]) -> None:
    """Write one JSON document to stdout, led by the version of its schema."""
    if "schema" in data:
        raise ValueError("'schema' is the key of the document's version; name the field otherwise")
    print_text(json.dumps({"schema": SCHEMA, **data}, ensure_ascii=False, allow_nan=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Write a table to stdout; columns that hold only numbers are aligned to the right, None is shown as a dash."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("–" if cell is None else str(cell) for cell in row))
    # A pipe has no width: there the table is as wide as it needs to be.
    width = None if sys.stdout.isatty() else 10_000
    Console(markup=False, highlight=False, emoji=False, width=width).print(table)


@contextmanager
def progress(total: int, description: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Ticker]:
    """Show progress with the time left on stderr: a bar on a terminal, a line now and then elsewhere, nothing if quiet.

    Args:
        total: Steps in all.
        description: What is being done, as in "searching".
        clock: Seconds from any fixed moment.
    """
    if _verbosity == "quiet":
        yield _Silent()
    elif console.is_interactive:
        with _bar(total, description) as bar:
            yield bar
    else:
        lines = _Lines(total, description, clock)
        try:
            yield lines
        finally:
            lines.close()


class _Silent:
    """Progress that nobody asked to see."""

    def advance(self, count: int = 1, *, note: str | None = None) -> None:
        """Say nothing."""


class _Lines:
    """Progress as plain lines: a log file stays readable."""

    def __init__(self, total: int, description: str, clock: Callable[[], float]) -> None:
        self._total = total
        self._description = description
        self._clock = clock
        self._lock = threading.Lock()
        """Guards the counters below: workers advance concurrently."""
        self._done = 0
        self._note = ""
        self._started = self._spoke = clock()
        self._told = False

    def advance(self, count: int = 1, *, note: str | None = None) -> None:
        """Count, and speak when the last line is old enough."""
        with self._lock:
            self._done += count
            self._note = self._note if note is None else note
            self._told = False
            if self._clock() - self._spoke >= LINE_EVERY_S:
                self._speak()

    def close(self) -> None:
        """Say how far it came, unless that was the last thing said or nothing was done."""
        with self._lock:
            if self._done and not self._told:
                self._speak()

    def _speak(self) -> None:
        """Write one line."""
        self._spoke = now = self._clock()
        self._told = True
        left = self._total - self._done
        parts = [f"{self._description}: {self._done}/{self._total}"]
        if self._done and left > 0:
            parts.append(f"{format_seconds(left * (now - self._started) / self._done)} left")
        if self._note:
            parts.append(self._note)
        console.print(", ".join(parts), soft_wrap=True)


@contextmanager
def _bar(total: int, description: str) -> Iterator[Ticker]:
    """Draw a bar on the terminal; the cursor comes back whatever happens, Ctrl-C included."""
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[note]}", markup=False),
    )
    # stdout carries data and is left alone; rich would redirect it into the bar's stream.
    with bars.Progress(*columns, console=console, redirect_stdout=False) as display:
        yield _Bar(display, display.add_task(description, total=total, note=""))


class _Bar:
    """One bar; rich holds the lock."""

    def __init__(self, display: RichProgress, task: TaskID) -> None:
        self._display = display
        self._task = task

    def advance(self, count: int = 1, *, note: str | None = None) -> None:
        """Move the bar."""
        self._display.advance(self._task, count)
        if note is not None:
            self._display.update(self._task, note=note)


def format_seconds(seconds: float) -> str:
    """Show a duration the way people say it: `8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _one_line(message: str) -> str:
    """Join the lines of a message: an error is one line, for people and for `grep`."""
    return " ".join(message.split())
