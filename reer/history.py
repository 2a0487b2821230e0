"""What Git knows of a manual: its commits with their trailers, and its pages as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reer.plumbing import Git
from reer.trailers import parse
from workbench.errors import DataError

if TYPE_CHECKING:
    from git import Repo


@dataclass(frozen=True, slots=True)
class Entry:
    """A commit that touches the manual."""

    hash: str
    parents: tuple[str, ...]
    at: str
    """ISO instant of the author."""
    author: str
    subject: str
    trailers: Mapping[str, str]


def read_history(git: Git, path: str, *, limit: int | None, first_parent: bool) -> list[Entry]:
    """Commits from HEAD back that touch a path, newest first."""
    few = [f"--max-count={limit}"] if limit is not None else []
    line = ["--first-parent"] if first_parent else []
    hashes = git.run("rev-list", *few, *line, "HEAD", "--", path).split()
    with _reading(git) as repo:
        return [_entry(repo, each) for each in hashes]


def read_entry(git: Git, commit: str) -> Entry:
    """One commit."""
    with _reading(git) as repo:
        return _entry(repo, commit)


def read_text(git: Git, commit: str, path: str) -> str | None:
    """A file as a commit has it.

    Raises:
        DataError: it is no text in UTF-8.
    """
    with _reading(git) as repo:
        try:
            blob = repo.commit(commit).tree / path
        except KeyError:
            return None
        try:
            return blob.data_stream.read().decode("utf-8") if blob.type == "blob" else None
        except UnicodeDecodeError as exc:
            raise DataError("is not UTF-8", path=f"{commit[:10]}:{path}") from exc


def _reading(git: Git) -> Repo:
    """GitPython's view of the repository, whatever an outer Git process has put into the environment."""
    from git import Repo

    repo = Repo(git.top, expand_vars=False)
    ours = {"GIT_DIR": git.dir, "GIT_COMMON_DIR": git.common, "GIT_OBJECT_DIRECTORY": git.common / "objects"}
    repo.git.update_environment(**{name: str(path) for name, path in ours.items()}, GIT_NAMESPACE="")
    return repo


def _entry(repo: Repo, commit: str) -> Entry:
    found = repo.commit(commit)
    message = str(found.message)
    return Entry(
        commit,
        tuple(parent.hexsha for parent in found.parents),
        found.authored_datetime.isoformat(timespec="seconds"),
        str(found.author.name),
        message.partition("\n")[0],
        parse(message),
    )
