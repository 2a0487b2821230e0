"""What a person edits in a categories file, and how it lives on when categories are found again."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from reer.assignments import Assignment
from reer.categories import CategoriesFile
from workbench.errors import UsageError
from workbench.settings import suggest

_HEAD = """\
# Categories, a sentence each, to edit. `reer categories` keeps what you change here, but not comments.
"""
_FOUND = """\
# Which category each found cluster is. To rename a category, write its new name here for each of its clusters; to merge
# two, give their clusters one name. Then run `reer categories` again.
"""
_MOVED = """\
# Pairs that you put elsewhere: the id of a pair, and its category.
"""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def render_file(file: CategoriesFile) -> str:
    """The file as text."""
    parts = [f"{_HEAD}[categories]\n{_table(file.categories)}"]
    if file.found:
        parts.append(f"{_FOUND}[found]\n{_table(file.found)}")
    if file.found or file.moved:
        parts.append(f"{_MOVED}[moved]\n{_table(file.moved)}")
    return "\n".join(parts)


def carry_out(file: CategoriesFile, before: Mapping[str, Assignment], path: Path) -> CategoriesFile:
    """Do under `[categories]` what was written under `[found]`: rename what has a new name, drop what was merged.

    Args:
        file: as it was edited.
        before: assignments from before the edit.
        path: of the file, for errors.

    Raises:
        UsageError: a name under `[found]` or `[moved]` is of no category.
    """
    was = {each.found: each.category for each in before.values() if each.found and each.by == "cluster"}
    heirs = {slug: _heir(slug, file.found, was) for slug in set(was.values())}
    moved = {pair: heirs.get(slug) or slug for pair, slug in file.moved.items()}
    used = {*file.found.values(), *moved.values()}
    gone = {slug for slug in was.values() if slug not in used}
    renamed = {
        slug: was[id_]
        for id_, slug in file.found.items()
        if slug not in file.categories and was.get(id_) in file.categories
    }
    categories: dict[str, str] = {}
    for slug, sentence in file.categories.items():
        if slug not in gone:
            categories[slug] = sentence
        categories |= {new: sentence for new, old in renamed.items() if old == slug}
    for key, slug in (*file.found.items(), *moved.items()):
        if slug not in categories:
            raise UsageError(
                f"{path}: {key!r} is put into {slug!r}, which is not under [categories];"
                f" {suggest(slug, list(categories))} (a category is renamed under [found])"
            )
    return CategoriesFile(categories=categories, found=file.found, moved=moved)


def match_clusters(before: Mapping[str, str], labels: Mapping[str, int]) -> dict[int, str]:
    """Which new cluster is which old one: the id stays where more than half of the old cluster's pairs are.

    Where several old ones end in one new cluster, the one that brings the most pairs gives its id.

    Args:
        before: old cluster of each pair.
        labels: new cluster of each pair.
    """
    shared = Counter((before[pair], label) for pair, label in labels.items() if pair in before)
    sizes = Counter(before[pair] for pair in labels if pair in before)
    matched: dict[int, str] = {}
    for (id_, label), count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if 2 * count > sizes[id_]:
            matched.setdefault(label, id_)
    return matched


def new_ids(count: int, taken: Sequence[str]) -> list[str]:
    """Ids `k01`, `k02`, ... after the last that is taken."""
    last = max((int(id_[1:]) for id_ in taken if re.fullmatch(r"k\d+", id_)), default=0)
    return [f"k{number:02d}" for number in range(last + 1, last + count + 1)]


def _heir(slug: str, found: Mapping[str, str], was: Mapping[str, str]) -> str | None:
    """The one name that all clusters of a category have now, if that is another than theirs was."""
    names = {found[id_] for id_, old in was.items() if old == slug and id_ in found}
    return names.pop() if len(names) == 1 and slug not in found.values() else None


def _table(rows: Mapping[str, str]) -> str:
    return "".join(f"{key if _BARE.fullmatch(key) else _quote(key)} = {_quote(value)}\n" for key, value in rows.items())


def _quote(text: str) -> str:
    """A basic string; TOML's escapes are those of JSON, and DEL has to be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
