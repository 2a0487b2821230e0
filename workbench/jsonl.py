"""JSON Lines on disk: strict for the user's data, forgiving only for the torn end of our own logs.

A record counts once its newline is written. A record goes out in a single write, so a process killed at any moment
leaves at most one torn line, and that line is the last.

    append_jsonl(log, {"event": "trial", "score": 0.4})
    records = read_tolerant(log)
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from workbench.errors import DataError


def dump_line(record: Mapping[str, Any]) -> str:
    """One record as one line without its newline; NaN and infinity are refused, since JSON has neither."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, record) of a user's file, 1-based; blank lines are skipped.

    Raises:
        DataError: the file is missing, or a line is not a JSON object in UTF-8.
    """
    try:
        file = path.open("rb")
    except OSError as exc:
        raise DataError(f"cannot be read ({exc.strerror}); check the path", path=path) from exc
    with file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parse(line, path, number)


def append_jsonl(path: Path, record: Mapping[str, Any], *, sync: bool = True) -> None:
    """Append one record in a single write.

    Args:
        path: The log; created when absent.
        record: A JSON object.
        sync: Wait until the disk has it, which also survives a power cut; without it a record survives the death of
            the process only, and costs microseconds instead of milliseconds.
    """
    line = (dump_line(record) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(f"{path}: only {written} of {len(line)} bytes fit on the disk; free some space")
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_tolerant(path: Path, *, repair: bool = True) -> list[dict[str, Any]]:
    """Read one of our own logs; a missing log is empty, a torn last line is dropped.

    Args:
        path: The log.
        repair: Also cut the torn line off, so that the next append starts clean. Only its writer may: what looks torn
            to a reader may be a line that is being written.

    Raises:
        DataError: a whole line is malformed: that is damage, not an interrupted write.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if repair and whole < len(content):
        os.truncate(path, whole)
    lines = content[:whole].split(b"\n")[:-1]
    return [_parse(line, path, number) for number, line in enumerate(lines, start=1)]


def write_atomic(path: Path, text: str) -> None:
    """Replace a file in one step: a reader, or a process killed half-way, sees the old text or the new, never a mix."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the new name lives in the folder, which has its own place on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """Parse one line, or say where it is wrong."""
    try:
        record = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise DataError(f"not valid JSON: {exc}; correct or remove the line", path=path, line=number) from exc
    if not isinstance(record, dict):
        found = type(record).__name__
        raise DataError(f"expected a JSON object, got {found}; write it as {{...}}", path=path, line=number)
    return record


def _refuse_constant(name: str) -> NoReturn:
    """Python reads NaN and Infinity, which no other JSON reader accepts."""
    raise ValueError(f"{name} is not a JSON number")
