"""The reply store: one SQLite file in which every paid reply is kept under the hash of its request.

It is cache, resume, replay and free re-scoring in one. Its invariant: a reply whose `put` has returned survives the
death of the process at any later moment. Many threads and several processes may share one file; it must lie on a
local disk, because SQLite's write-ahead log does not work over network file systems.

    store = ReplyStore("runs/replies.sqlite")
    store.put(key, request, reply)
    store.get(key)
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lm.base import Reply, Request, Usage
from workbench.errors import DataError

APPLICATION_ID = 0x4F424B52
"""Stands in the SQLite header ("OBKR"), so that no other program's database is ever written to."""
FORMAT = 1
"""Version of the table; a file of another version is refused rather than guessed at."""
BUSY_S = 30.0
"""How long a write waits for another process's write."""
OPEN_POLL_S = 0.01
"""How often to try to open a file that others are opening."""


class ReplyStore:
    """Replies by key, in one file; the first reply put under a key stays."""

    def __init__(self, path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file.

        Args:
            path: the SQLite file; missing folders are made.
            clock: seconds since the epoch, noted with each reply.

        Raises:
            DataError: the file is torn, foreign, of another version or out of reach.
        """
        self.path = Path(path)
        self._clock = clock
        self._lock = threading.Lock()  # one connection serves all threads, one at a time
        with self._guard():
            self._connection = _connect(self.path)

    def get(self, key: str) -> Reply | None:
        """The stored reply, marked as cached, or None.

        Raises:
            DataError: the file or this row is torn.
        """
        with self._guard():
            row = self._connection.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return _decode_reply(row[0])
        except (TypeError, ValueError, KeyError) as exc:
            raise DataError(
                f"the reply stored under {key!r} is unreadable ({exc}); delete that row, or move the file away",
                path=self.path,
            ) from exc

    def put(self, key: str, request: Request, reply: Reply) -> None:
        """Keep a reply; when this returns, the reply is safe from the death of the process.

        Raises:
            DataError: the file cannot be written.
        """
        row = (key, json.dumps(encode_request(request)), _encode_reply(reply), self._clock())
        with self._guard():
            self._connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", row)

    def __len__(self) -> int:
        """How many replies are kept."""
        with self._guard():
            return int(self._connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def usages(self) -> list[Usage]:
        """What each kept reply took, oldest first: a resumed run charges it to its budget again."""
        with self._guard():
            rows = self._connection.execute("SELECT reply FROM replies ORDER BY created_at").fetchall()
        return [_decode_reply(text).usage for (text,) in rows]

    def close(self) -> None:
        """Close the file; the store must not be used afterwards."""
        with self._guard():
            self._connection.close()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, OSError) as exc:
                step = "check that its folder can be written, the disk has space and no program locks the file"
                raise DataError(f"the reply store cannot be used ({exc}); {step}", path=self.path) from exc
            except sqlite3.DatabaseError as exc:
                step = "move it away to start an empty store, or restore a copy"
                raise DataError(f"not a reply store, or a torn one ({exc}); {step}", path=self.path) from exc


def encode_request(request: Request) -> dict[str, Any]:
    """All fields of a request as plain JSON values; equal requests give equal values."""
    return {
        "messages": [[message.role, message.content] for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": float(request.temperature),
        "seed": request.seed,
        "schema": _plain(request.schema),
        "stop": list(request.stop),
    }


def _plain(value: Any) -> Any:
    """Turn read-only mappings and tuples into what JSON knows, keeping the order of keys."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _encode_reply(reply: Reply) -> str:
    """Write pure ASCII: a reply cut inside an emoji may hold half a surrogate pair, which SQLite text cannot."""
    record = asdict(reply)
    del record["cached"]
    return json.dumps(record)


def _decode_reply(text: str) -> Reply:
    record = json.loads(text)
    return Reply(**{**record, "usage": Usage(**record["usage"]), "cached": True})


def _connect(path: Path) -> sqlite3.Connection:
    """Open, trying again while others open: SQLite does not wait by itself when two switch a new file to WAL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + BUSY_S
    while True:
        try:
            return _open(path)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
        time.sleep(OPEN_POLL_S)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the file is ours before anything is written to it, then create the table if it is new."""
    # The table count is read first: table and id are committed together, so one who sees the table sees the id.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID and (tables or application):
        raise DataError("this SQLite file is another program's; choose another path for the reply store", path=path)
    if application == APPLICATION_ID and version != FORMAT:
        raise DataError(
            f"reply store of format {version}, but {FORMAT} is what can be read; choose another path",
            path=path,
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if application == APPLICATION_ID:
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS replies "
        "(key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, created_at REAL NOT NULL) WITHOUT ROWID"
    )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
