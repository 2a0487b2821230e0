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
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lm.base import Reply, Request, Usage
from lm.database import Database, Kind
from workbench.errors import DataError

KIND = Kind(
    application_id=0x4F424B52,  # "OBKR"
    format=1,
    table=(
        "replies (key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, created_at REAL NOT NULL)"
        " WITHOUT ROWID"
    ),
    name="the reply store",
    other="not a reply store",
)


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
        self._database = Database(self.path, KIND)

    def get(self, key: str) -> Reply | None:
        """The stored reply, marked as cached, or None.

        Raises:
            DataError: the file or this row is torn.
        """
        rows = self._database.run("SELECT reply FROM replies WHERE key = ?", (key,))
        if not rows:
            return None
        try:
            return _decode_reply(rows[0][0])
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
        self._database.run("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", row)

    def __len__(self) -> int:
        """How many replies are kept."""
        return int(self._database.run("SELECT count(*) FROM replies")[0][0])

    def usages(self) -> list[Usage]:
        """What each kept reply took, oldest first: a resumed run charges it to its budget again."""
        rows = self._database.run("SELECT reply FROM replies ORDER BY created_at")
        return [_decode_reply(text).usage for (text,) in rows]

    def close(self) -> None:
        """Close the file; the store must not be used afterwards."""
        self._database.close()


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
