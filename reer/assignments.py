"""Which category each pair is of: `assignments.jsonl` beside a categories file, written by `reer categories`.

A line is `{"id", "category", "margin", "by", "found"}`. The categories file has the last word: it says which category a
found cluster is, and where a person moved a pair, so an edit there counts at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reer.categories import CategoriesFile, load_file
from reer.pairs import Pair
from workbench.errors import DataError, UsageError
from workbench.jsonl import dump_line, read_jsonl, write_atomic

NAME = "assignments.jsonl"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The category of one pair."""

    id: str
    """Of the pair."""
    category: str
    margin: float | None
    """Cosine to the centre of its category less that to the nearest other one; None where there is no other."""
    by: Literal["cluster", "person"]
    """Who put it there; a person by the table `[moved]`."""
    found: str | None = None
    """The found cluster that it is of; None where the categories were given."""


def read_assignments(path: Path) -> dict[str, Assignment]:
    """Assignments by the ids of their pairs; none when there is no such file.

    Raises:
        DataError: a line is wrong; names file and line.
    """
    assignments: dict[str, Assignment] = {}
    for line, record in read_jsonl(path) if path.exists() else ():
        found = record.get("found")
        values = [record.get("id"), record.get("category"), *([] if found is None else [found])]
        if not all(isinstance(value, str) for value in values) or record.get("by") not in ("cluster", "person"):
            raise DataError(
                "an assignment has the texts 'id' and 'category', and 'by' is cluster or person; run reer categories"
                " again",
                path=path,
                line=line,
            )
        assignments[record["id"]] = Assignment(
            record["id"], record["category"], record.get("margin"), record["by"], found
        )
    return assignments


def write_assignments(path: Path, assignments: Iterable[Assignment]) -> None:
    """Replace the file."""
    write_atomic(path, "".join(dump_line(asdict(assignment)) + "\n" for assignment in assignments))


def keep_others(
    before: Mapping[str, Assignment], placed: Iterable[Assignment], file: CategoriesFile
) -> tuple[Assignment, ...]:
    """The assignments that were just made, and those from before of other pairs, as the file now has them.

    Args:
        before: assignments from before, by pair.
        placed: those just made.
        file: the categories as they are now.
    """
    kept = {id_: _as_now(each, file) for id_, each in before.items()}
    return tuple((kept | {each.id: each for each in placed}).values())


def category_of(pair: str, file: CategoriesFile, assignments: Mapping[str, Assignment]) -> str | None:
    """The category of a pair as the files stand: where a person moved it, else what its cluster is; None if neither."""
    if pair in file.moved:
        return file.moved[pair]
    assignment = assignments.get(pair)
    if assignment is None:
        return None
    if assignment.found is not None:
        return file.found.get(assignment.found)
    return assignment.category if assignment.category in file.categories else None


def _as_now(old: Assignment, file: CategoriesFile) -> Assignment:
    """An assignment after its cluster was renamed or merged; of a cluster that is gone the category stays."""
    category = category_of(old.id, file, {old.id: old}) or old.category
    return Assignment(
        old.id,
        category,
        old.margin if category == old.category else None,
        "person" if old.id in file.moved else "cluster",
        old.found if old.found in file.found else None,
    )


def with_categories(pairs: Sequence[Pair], path: Path) -> tuple[Pair, ...]:
    """Pairs with the categories that were assigned to them; a category of their own stays.

    Args:
        pairs: of any kind; when each has a category, no file is looked at.
        path: the categories file, with the assignments beside it.

    Raises:
        UsageError: a pair has no category and none is assigned to it.
    """
    bare = [pair for pair in pairs if pair.category is None]
    if not bare:
        return tuple(pairs)
    beside = path.with_name(NAME)
    if missing := [each for each in (path, beside) if not each.exists()]:
        raise UsageError(
            f"pair {bare[0].id!r} has no category, and {missing[0]} does not exist; find categories first with:"
            f" reer categories PAIRS --out {path}"
        )
    file, assignments = load_file(path), read_assignments(beside)
    given: dict[str, Any] = {pair.id: category_of(pair.id, file, assignments) for pair in bare}
    for id_, category in given.items():
        if category is None or category not in file.categories:
            said = "none assigned to it" if category is None else f"{category!r} is not under [categories]"
            raise UsageError(f"pair {id_!r} has no category: {said}; run again: reer categories PAIRS --out {path}")
    return tuple(replace(pair, category=given[pair.id]) if pair.id in given else pair for pair in pairs)
