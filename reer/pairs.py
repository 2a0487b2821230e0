"""What was said: pairs of a conversation so far (x) and the expert's reply to it (y).

A line of a pairs file is `{"id", "conversation", "turn", "x": [{"role", "content"}], "y"}`, with `category`, `speaker`
and `date` (ISO) where they are known; further keys are ignored. Every problem names its file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from workbench.errors import DataError
from workbench.folding import fold
from workbench.jsonl import read_jsonl


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A reply and what led to it."""

    id: str
    conversation: str
    turn: int
    """Position of the reply in its conversation."""
    x: tuple[Turn, ...]
    """The turns before, oldest first; empty where the expert spoke first."""
    y: str
    category: str | None = None
    speaker: str | None = None
    date: date | None = None

    @property
    def question(self) -> str:
        """The turn that the reply answers; empty when there is none."""
        return self.x[-1].content if self.x else ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The pairs of a file, and what was left out."""

    pairs: tuple[Pair, ...]
    repeated: tuple[str, ...]
    """Ids of pairs that say what an earlier one says: the same call twice would count as two witnesses."""


def load_pairs(path: Path) -> Loaded:
    """Read a pairs file; of copies the first is kept.

    Raises:
        DataError: with file and line.
    """
    pairs: list[Pair] = []
    seen: dict[str, int] = {}
    said: set[str] = set()
    repeated: list[str] = []
    for line, record in read_jsonl(path):
        try:
            pair = _read(record)
        except (KeyError, TypeError, ValueError) as exc:
            raise DataError(f"{_problem(exc)}; correct the line", path=path, line=line) from exc
        if pair.id in seen:
            message = f"id {pair.id!r} is taken on line {seen[pair.id]}; give each pair its own"
            raise DataError(message, path=path, line=line)
        seen[pair.id] = line
        words = fold(f"{pair.question} \0 {pair.y}")
        if words in said:
            repeated.append(pair.id)
        else:
            pairs.append(pair)
            said.add(words)
    if not pairs:
        raise DataError("holds no pair; a manual needs calls to be built from", path=path)
    return Loaded(tuple(pairs), tuple(repeated))


def load_files(paths: Sequence[Path]) -> Loaded:
    """Read several files as one; only copies within a file are left out.

    Raises:
        DataError: a line is wrong, or two files have pairs of one id.
    """
    loaded = [load_pairs(path) for path in paths]
    homes: dict[str, Path] = {}
    for path, each in zip(paths, loaded, strict=True):
        for pair in each.pairs:
            if homes.setdefault(pair.id, path) is not path:
                raise DataError(f"id {pair.id!r} is taken in {homes[pair.id]}; give each pair its own", path=path)
    repeated = tuple(id_ for each in loaded for id_ in each.repeated)
    return Loaded(tuple(pair for each in loaded for pair in each.pairs), repeated)


def by_category(pairs: Iterable[Pair]) -> dict[str, tuple[Pair, ...]]:
    """Pairs by category, in the order in which categories come; those without one are left out."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.category is not None:
            groups.setdefault(pair.category, []).append(pair)
    return {name: tuple(members) for name, members in groups.items()}


def conversation_text(turns: Sequence[Turn]) -> str:
    """Turns as text, a line each, as models are shown them."""
    return "".join(f"{turn.role.capitalize()}: {turn.content}\n" for turn in turns)


def _read(record: Mapping[str, Any]) -> Pair:
    turns = record["x"]
    if not isinstance(turns, list):
        raise TypeError(f"'x' must be a list of turns, got {turns!r}")
    reply = _text(record, "y")
    if not reply.strip():
        raise ValueError("'y' is empty; a pair without a reply teaches nothing")
    return Pair(
        id=_text(record, "id"),
        conversation=_text(record, "conversation"),
        turn=int(record["turn"]),
        x=tuple(Turn(_text(turn, "role"), _text(turn, "content")) for turn in turns),
        y=reply,
        category=_optional(record, "category"),
        speaker=_optional(record, "speaker"),
        date=date.fromisoformat(_text(record, "date")) if record.get("date") is not None else None,
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise TypeError(f"{key!r} must be a string, got {value!r}")
    return value


def _optional(record: Mapping[str, Any], key: str) -> str | None:
    return None if record.get(key) is None else _text(record, key)


def _problem(exc: Exception) -> str:
    return f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)
