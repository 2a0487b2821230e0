"""The chapters of a manual: a TOML table of slugs, a sentence each, that a person writes or `reer categories` finds.

[categories]
cards = "Debit and credit cards, PINs, limits, loss."

What `reer categories` found stands there too: `[found]` says which category each found cluster is, and a person renames
and merges there; `[moved]` says where a person put single pairs.
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
    """Slug and sentence of each."""
    found: dict[str, str] = Field(default_factory=dict)
    """Id of a cluster and the category that it is, or is part of."""
    moved: dict[str, str] = Field(default_factory=dict)
    """Id of a pair and the category that a person put it into."""


def load_categories(path: Path) -> dict[str, str]:
    """Slug and sentence of each chapter, in the order of the file.

    Raises:
        UsageError: the file is wrong, or a slug would be no safe file name.
    """
    return load_file(path).categories


def load_file(path: Path) -> CategoriesFile:
    """The whole file. What stands under `[found]` and `[moved]` may name categories that `[categories]` lacks.

    Raises:
        UsageError: the file is wrong, or a slug would be no safe file name.
    """
    file = load_toml(path, CategoriesFile, names=tuple(CategoriesFile.model_fields))
    for slug in (*file.categories, *file.found.values(), *file.moved.values()):
        if not is_slug(slug):
            raise UsageError(
                f"{path}: category {slug!r} names a file; use lowercase words with hyphens, none of {', '.join(_TAKEN)}"
            )
    return file


def is_slug(name: str) -> bool:
    """Whether a name can be that of a category, which is also that of a file."""
    return bool(_SLUG.fullmatch(name)) and name not in _TAKEN


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
