"""Kept scores: one SQLite file with the log-probabilities of each row under the hash of its model and token ids.

A score whose `put` has returned survives the death of the process. Many threads and several processes may share one
file on a local disk. What the rows said is not kept, so the file holds no text.

    cache = ScoreCache("runs/scores.sqlite")
    cache.put(key, (-0.5, -1.25))
    cache.get([key])
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import DataError

APPLICATION_ID = 0x4F425343
"""Stands in the SQLite header ("OBSC"), so that no other program's database is ever written to."""
FORMAT = 1
"""Version of the table; a file of another version is refused rather than guessed at."""
BUSY_S = 30.0
"""How long a write waits for another process's write."""
POLL_S = 0.01
"""How often to try what others keep from happening."""
AT_ONCE = 500
"""Keys in one query; SQLite before 3.32 takes 999."""


class ScoreCache:
    """Log-probabilities by key, in one file; the first put under a key stay."""

    def __init__(self, path: Path | str) -> None:
        """Open or create the file; missing folders are made.

        Raises:
            DataError: the file is torn, foreign, of another version or out of reach.
        """
        self.path = Path(path)
        self._lock = threading.Lock()  # one connection serves all threads, one at a time
        with self._guard():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def get(self, keys: Sequence[str]) -> Mapping[str, tuple[float, ...]]:
        """Those of the keys that are kept, with their log-probabilities in nats.

        Raises:
            DataError: the file or a row is torn.
        """
        found: dict[str, tuple[float, ...]] = {}
        for start in range(0, len(keys), AT_ONCE):
            asked = tuple(keys[start : start + AT_ONCE])
            query = f"SELECT key, logprobs FROM scores WHERE key IN ({', '.join('?' * len(asked))})"
            with self._guard():
                rows = self._connection.execute(query, asked).fetchall()
            found |= {key: self._decoded(key, text) for key, text in rows}
        return found

    def put(self, key: str, logprobs: Sequence[float]) -> None:
        """Keep a score.

        Raises:
            DataError: the file cannot be written.
        """
        with self._guard():
            self._connection.execute("INSERT OR IGNORE INTO scores VALUES (?, ?)", (key, json.dumps(list(logprobs))))

    def __len__(self) -> int:
        """How many scores are kept."""
        with self._guard():
            return int(self._connection.execute("SELECT count(*) FROM scores").fetchone()[0])

    def close(self) -> None:
        """Close the file; the cache must not be used afterwards."""
        with self._guard():
            self._connection.close()

    def _decoded(self, key: str, text: str) -> tuple[float, ...]:
        try:
            return tuple(float(each) for each in json.loads(text))
        except (TypeError, ValueError) as exc:
            raise DataError(
                f"the score kept under {key!r} is unreadable ({exc}); delete that row, or move the file away",
                path=self.path,
            ) from exc

    def _prepare(self) -> None:
        """Check that the file is ours before anything is written to it, then create the table if it is new."""
        self._connection.execute("BEGIN IMMEDIATE")
        tables, application, version = (
            self._connection.execute(query).fetchone()[0]
            for query in ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id", "PRAGMA user_version")
        )
        if application != APPLICATION_ID and (tables or application):
            raise DataError("this SQLite file is another program's; choose another path for the scores", path=self.path)
        if application == APPLICATION_ID and version != FORMAT:
            raise DataError(
                f"scores of format {version}, but {FORMAT} is what can be read; choose another path", path=self.path
            )
        if application != APPLICATION_ID:
            self._connection.execute("CREATE TABLE scores (key TEXT PRIMARY KEY, logprobs TEXT NOT NULL) WITHOUT ROWID")
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        self._connection.execute("COMMIT")
        self._write_ahead()

    def _write_ahead(self) -> None:
        """Spare each put its wait for the disk; SQLite does not wait by itself when two switch a new file at once."""
        self._connection.execute("PRAGMA synchronous = NORMAL")
        deadline_s = time.monotonic() + BUSY_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                    raise
            time.sleep(POLL_S)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, OSError) as exc:
                step = "check that its folder can be written, the disk has space and no program locks the file"
                raise DataError(f"the kept scores cannot be used ({exc}); {step}", path=self.path) from exc
            except sqlite3.DatabaseError as exc:
                step = "move it away to start afresh, or restore a copy"
                raise DataError(f"no file of scores, or a torn one ({exc}); {step}", path=self.path) from exc
