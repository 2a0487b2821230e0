"""A manual as it was at a commit, and as it lies in the work tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reer.build import INDEX, LOG
from reer.manual import Article
from reer.page import parse_article
from reer.repository import Repository
from workbench.errors import DataError

NO_ARTICLES = (INDEX, LOG, "README.md")
"""Pages of a manual that are no articles."""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a manual."""

    articles: dict[str, Article]
    """By category."""
    files: dict[str, str]
    """File name of each category's page."""


@dataclass(slots=True)
class Versions:
    """Reads states of one manual; a page that did not change between two of them is read once and is one object."""

    repository: Repository
    _parsed: dict[str, Article] = field(default_factory=dict)
    """By the hash of the text."""

    def at(self, revision: str) -> Version:
        """The manual of a commit; empty where the commit has none.

        Raises:
            UsageError: there is no such commit.
            DataError: a page is no article.
        """
        commit = self.repository.git.resolve(revision)
        found: list[tuple[str, str, Article]] = []
        for name, blob in self.repository.names(commit).items():
            if name in NO_ARTICLES:
                continue
            where = f"{revision}:{self.repository.prefix}{name}"
            if blob not in self._parsed:
                text = self.repository.text(name, commit)
                assert text is not None
                self._parsed[blob] = parse_article(text, where)
            found.append((name, where, self._parsed[blob]))
        return _version(found)

    def here(self) -> Version:
        """The manual in the work tree.

        Raises:
            DataError: a page is no article.
        """
        paths = [path for path in sorted(self.repository.folder.glob("*.md")) if path.name not in NO_ARTICLES]
        return _version((path.name, str(path), _read(path)) for path in paths if not path.name.startswith("."))


def _read(path: Path) -> Article:
    try:
        return parse_article(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as exc:
        raise DataError("is not UTF-8; restore it with git", path=path) from exc


def _version(found: Iterable[tuple[str, str, Article]]) -> Version:
    version = Version({}, {})
    for name, where, article in found:
        if article.category in version.articles:
            raise DataError(f"category {article.category!r} has an article already; merge the two", path=where)
        version.articles[article.category] = article
        version.files[article.category] = name
    return version
