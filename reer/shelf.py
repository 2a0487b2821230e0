"""A manual on disk: a folder of articles with an index and a log."""

from __future__ import annotations

from pathlib import Path

from reer.folder import name_problem, page_paths
from reer.manual import Article
from reer.page import read_article
from workbench.errors import DataError, UsageError


def load_manual(folder: Path) -> dict[str, Article]:
    """The articles of a folder by category.

    Raises:
        UsageError: the folder holds none.
        DataError: a page is no article, or not named after its category; names the file.
    """
    articles = {path.stem: load_page(path) for path in page_paths(folder)}
    if not articles:
        raise UsageError(f"{folder} holds no article; build one with: reer build-manual PAIRS --out {folder}")
    return articles


def load_page(path: Path) -> Article:
    """The article of a page of a manual.

    Raises:
        DataError: it is no article, or not named after its category.
    """
    article = read_article(path)
    if problem := name_problem(path.name, article.category):
        raise DataError(problem, path=path)
    return article
