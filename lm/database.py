"""One SQLite file of ours: opened without harm to files of others, shared by threads and processes, told in our errors.

Its invariant: what a `run` that has returned wrote survives the death of the process. The file must lie on a local
disk, because SQLite's write-ahead log does not work over network file systems.

    database = Database(Path("runs/replies.sqlite"), KIND)
    database.run("SELECT reply FROM replies WHERE key = ?", (key,))
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import DataError

BUSY_S = 30.0
"""How long a write waits for another process's write."""
OPEN_POLL_S = 0.01
"""How often to try to open a file that others are opening."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file holds."""

    application_id: int
    """Stands in the SQLite header, so that no other program's database is ever written to."""
    format: int
    """Version of the table; a file of another version is refused rather than guessed at."""
    table: str
    """Name, columns and options of its only table, as SQL creates it."""
    name: str
    """What errors call it, as `the reply store`."""
    other: str
    """What errors call a file that is none, as `not a reply store`."""


class Database:
    """A file of one kind, held open by one connection that serves all threads, one at a time."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Open or create the file; missing folders are made.

        Raises:
            DataError: the file is torn, foreign, of another version or out of reach.
        """
        self.path = path
        self._kind = kind
        self._lock = threading.Lock()
        with self._guard():
            self._connection = _connect(path, kind)

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            DataError: the file is torn, or cannot be written.
        """
        with self._guard():
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close the file; it must not be used afterwards."""
        with self._guard():
            self._connection.close()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, OSError) as exc:
                step = "check that its folder can be written, the disk has space and no program locks the file"
                raise DataError(f"{self._kind.name} cannot be used ({exc}); {step}", path=self.path) from exc
            except sqlite3.DatabaseError as exc:
                step = "move it away to start afresh, or restore a copy"
                raise DataError(f"{self._kind.other}, or a torn one ({exc}); {step}", path=self.path) from exc


def _connect(path: Path, kind: Kind) -> sqlite3.Connection:
    """Open, trying again while others open: SQLite does not wait by itself when two switch a new file to WAL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + BUSY_S
    while True:
        try:
            return _open(path, kind)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
        time.sleep(OPEN_POLL_S)


def _open(path: Path, kind: Kind) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path, kind)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, kind: Kind) -> None:
    """Check that the file is ours before anything is written to it, then create the table if it is new."""
    # The table count is read first: table and id are committed together, so one who sees the table sees the id.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != kind.application_id and (tables or application):
        raise DataError(f"this SQLite file is another program's; choose another path for {kind.name}", path=path)
    if application == kind.application_id and version != kind.format:
        raise DataError(
            f"{kind.name} is of format {version}, but {kind.format} is what can be read; choose another path",
            path=path,
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if application == kind.application_id:
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {kind.table}")
    connection.execute(f"PRAGMA application_id = {kind.application_id}")
    connection.execute(f"PRAGMA user_version = {kind.format}")
    connection.execute("COMMIT")
