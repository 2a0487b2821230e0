"""The folder of a manual: which of its files are articles, and how they are named.

for path in page_paths(Path("manuals/oral-bank")):
    ...
"""

from __future__ import annotations

from pathlib import Path

from workbench.errors import DataError

INDEX, LOG = "index.md", "log.md"
NO_ARTICLES = (INDEX, LOG, "README.md")
"""Pages of a manual that are no articles."""


def is_page(name: str) -> bool:
    """Whether a file of this name is an article."""
    return name.endswith(".md") and not name.startswith(".") and name not in NO_ARTICLES


def page_paths(folder: Path) -> list[Path]:
    """The articles of a folder, by name; none where there is no folder."""
    return sorted(path for path in folder.glob("*.md") if is_page(path.name)) if folder.is_dir() else []


def read_page(path: Path) -> str:
    """The text of a page.

    Raises:
        DataError: it is not UTF-8; names the page.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise DataError("is not UTF-8; restore it with git", path=path) from exc


def name_problem(name: str, category: str) -> str | None:
    """Why a page must not have this name; None when it may: whatever writes a category writes its page."""
    return None if name == f"{category}.md" else f"holds category {category!r}; rename it {category}.md"
