"""Opening the repository of a manual for a verb, with what a person is told about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import console

if TYPE_CHECKING:
    from reer.pairs import Pair
    from reer.repository import Repository


def open_repository(manual: Path) -> Repository:
    """The repository, after telling what a killed run had left."""
    from reer.repository import Repository

    repository = Repository.open(manual)
    for line in repository.recovered:
        console.say(line)
    return repository


def open_to_commit(manual: Path) -> Repository:
    """The repository, for a verb that commits: says who signs, too."""
    repository = open_repository(manual)
    warn_without_identity(repository)
    return repository


def warn_without_identity(repository: Repository) -> None:
    """Say who signs where the user has told Git no name."""
    from reer.repository import FALLBACK

    if not repository.has_identity():
        name, address = FALLBACK
        console.warn(
            f"Git knows no name of yours, so commits are signed {name} <{address}>; set it with: git config user.name"
            " NAME and git config user.email ADDRESS"
        )


def check_place(folder: Path) -> None:
    """Refuse, before long work, a folder in which the commit at its end would be refused."""
    from reer.repository import Repository

    Repository.check(folder)


def commit_build(folder: Path, pairs: Sequence[Pair], *, at: float) -> str:
    """Put a manual that was just built under Git, in one commit; returns its hash."""
    from reer.folder import NO_ARTICLES, page_paths, read_page
    from reer.repository import Repository
    from reer.trailers import PAIRS, SOURCES

    repository = Repository.create(folder)
    warn_without_identity(repository)
    paths = [*page_paths(folder), *(path for path in (folder / name for name in NO_ARTICLES) if path.is_file())]
    pages = {path.name: read_page(path) for path in paths}
    trailers = {PAIRS: str(len(pairs)), SOURCES: f"{len({pair.conversation for pair in pairs})} calls"}
    return repository.commit(pages, f"Build the manual {folder.name}", trailers, at=at)
