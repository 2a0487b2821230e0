"""Kept scores: one SQLite file with the log-probabilities of each row under the hash of its model and token ids.

A score whose `put` has returned survives the death of the process. Many threads and several processes may share one
file on a local disk. What the rows said is not kept, so the file holds no text.

    cache = ScoreCache("runs/scores.sqlite")
    cache.put(key, (-0.5, -1.25))
    cache.get([key])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lm.database import Database, Kind
from workbench.errors import DataError

KIND = Kind(
    application_id=0x4F425343,  # "OBSC"
    format=1,
    table="scores (key TEXT PRIMARY KEY, logprobs TEXT NOT NULL) WITHOUT ROWID",
    name="the file of kept scores",
    other="no file of scores",
)
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
        self._database = Database(self.path, KIND)

    def get(self, keys: Sequence[str]) -> Mapping[str, tuple[float, ...]]:
        """Those of the keys that are kept, with their log-probabilities in nats.

        Raises:
            DataError: the file or a row is torn.
        """
        found: dict[str, tuple[float, ...]] = {}
        for start in range(0, len(keys), AT_ONCE):
            asked = tuple(keys[start : start + AT_ONCE])
            query = f"SELECT key, logprobs FROM scores WHERE key IN ({', '.join('?' * len(asked))})"
            found |= {key: self._decoded(key, text) for key, text in self._database.run(query, asked)}
        return found

    def put(self, key: str, logprobs: Sequence[float]) -> None:
        """Keep a score.

        Raises:
            DataError: the file cannot be written.
        """
        self._database.run("INSERT OR IGNORE INTO scores VALUES (?, ?)", (key, json.dumps(list(logprobs))))

    def __len__(self) -> int:
        """How many scores are kept."""
        return int(self._database.run("SELECT count(*) FROM scores")[0][0])

    def close(self) -> None:
        """Close the file; the cache must not be used afterwards."""
        self._database.close()

    def _decoded(self, key: str, text: str) -> tuple[float, ...]:
        try:
            return tuple(float(each) for each in json.loads(text))
        except (TypeError, ValueError) as exc:
            raise DataError(
                f"the score kept under {key!r} is unreadable ({exc}); delete that row, or move the file away",
                path=self.path,
            ) from exc
