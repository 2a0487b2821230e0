"""The chapters of a manual, as a person wrote them: a TOML table of slugs, a sentence each.

[categories]
cards = "Debit and credit cards, PINs, limits, loss."
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from reer.pairs import Pair
from workbench.errors import DataError, UsageError
from workbench.settings import Settings, load_toml

_TAKEN = ("index", "log", "readme")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class CategoriesFile(Settings):
    """The TOML file."""

    categories: dict[str, str] = Field(min_length=1)


def load_categories(path: Path) -> dict[str, str]:
    """Slug and sentence of each chapter, in the order of the file.

    Raises:
        UsageError: the file is wrong, or a slug would be no safe file name.
    """
    categories = load_toml(path, CategoriesFile).categories
    for slug in categories:
        if not _SLUG.fullmatch(slug) or slug in _TAKEN:
            raise UsageError(
                f"{path}: category {slug!r} names a file; use lowercase words with hyphens, none of {', '.join(_TAKEN)}"
            )
    return categories


def check_categories(pairs: Iterable[Pair], categories: Mapping[str, str], path: Path) -> None:
    """Refuse pairs of a category that is not among the chapters, and pairs that have none.

    Raises:
        DataError: names the first such pair.
    """
    for pair in pairs:
        if pair.category not in categories:
            raise DataError(
                f"pair {pair.id!r} is of category {pair.category!r}, which is none of {', '.join(categories)};"
                " correct it, or add the category",
                path=path,
            )


def title_of(slug: str) -> str:
    """A slug as a heading."""
    return slug.replace("-", " ").capitalize()
