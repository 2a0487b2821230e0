"""A manual as it was at a commit, and as it lies in the work tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reer.folder import is_page, page_paths
from reer.manual import Article
from reer.page import parse_article, read_article
from reer.repository import Repository
from workbench.errors import DataError


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
            if not is_page(name):
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
        paths = page_paths(self.repository.folder)
        return _version((path.name, str(path), read_article(path)) for path in paths)


def _version(found: Iterable[tuple[str, str, Article]]) -> Version:
    version = Version({}, {})
    for name, where, article in found:
        if article.category in version.articles:
            raise DataError(f"category {article.category!r} has an article already; merge the two", path=where)
        version.articles[article.category] = article
        version.files[article.category] = name
    return version
