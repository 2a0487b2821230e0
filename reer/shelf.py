"""A manual on disk: a folder of articles with an index and a log."""

from __future__ import annotations

from pathlib import Path

from reer.build import INDEX, LOG
from reer.manual import Article
from reer.page import parse_article
from workbench.errors import DataError, UsageError


def load_manual(folder: Path) -> dict[str, Article]:
    """The articles of a folder by category.

    Raises:
        UsageError: the folder holds none.
        DataError: an article is not one, or two are of one category; names the file.
    """
    articles: dict[str, Article] = {}
    for path in sorted(folder.glob("*.md")) if folder.is_dir() else []:
        if path.name in (INDEX, LOG, "README.md") or path.name.startswith("."):
            continue
        article = parse_article(path.read_text(encoding="utf-8"), str(path))
        if article.category in articles:
            raise DataError(f"category {article.category!r} has an article already; merge the two", path=path)
        articles[article.category] = article
    if not articles:
        raise UsageError(f"{folder} holds no article; build one with: reer build-manual PAIRS --out {folder}")
    return articles
