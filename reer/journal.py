"""What a commit is about to do, on disk before it is done: whoever comes after a killed process finishes it.

A commit counts from the moment at which its branch points to it. The journal is written before, and goes when files
and index say the same as the commit; so a journal that is found is of a commit that either never counted or has to be
finished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.errors import DataError
from workbench.jsonl import write_atomic

NAME = "openbook.json"


@dataclass(frozen=True, slots=True)
class Edit:
    """One page of a commit."""

    path: str
    """From the root of the work tree, with slashes."""
    old: str | None
    """Its blob before; None when it is new."""
    new: str | None
    """Its blob after; None when it is deleted."""


@dataclass(frozen=True, slots=True)
class Journal:
    """A commit under way."""

    commit: str
    branch: str
    """Full name, `refs/heads/...`."""
    edits: tuple[Edit, ...]

    @property
    def token(self) -> str:
        """What stands in an index lock that belongs to this commit."""
        return f"openbook {self.commit}\n"


def write_journal(folder: Path, journal: Journal) -> None:
    """Put a journal into a Git directory."""
    write_atomic(folder / NAME, json.dumps(asdict(journal), ensure_ascii=False, indent=1) + "\n")


def read_journal(folder: Path) -> Journal | None:
    """The journal of a Git directory; None when no commit is under way.

    Raises:
        DataError: it is damaged.
    """
    path = folder / NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Journal(record["commit"], record["branch"], tuple(Edit(**edit) for edit in record["edits"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError("is no journal of a commit; compare the manual with Git, then remove it", path=path) from exc


def clear_journal(folder: Path) -> None:
    """Take the journal away, with what a killed write of it left."""
    (folder / NAME).unlink(missing_ok=True)
    for draft in folder.glob(f".{NAME}.*.tmp"):
        draft.unlink(missing_ok=True)
