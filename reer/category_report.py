"""What `reer categories` tells: size and margin of each category, the pairs to look at, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from reer.agreement import measure_agreement
from reer.categories import CategoriesFile
from reer.discovery import Result
from reer.pairs import Pair

DOUBTFUL = 10
"""Pairs of the smallest margin that are listed."""
SHOWN = 70
"""Signs of a pair that are shown."""


def make_report(pairs: Sequence[Pair], result: Result, old: CategoriesFile | None) -> dict[str, Any]:
    """Categories, doubtful pairs, warnings, and the agreement with categories that pairs have already.

    Args:
        pairs: all of them.
        result: where they are.
        old: the categories file from before, None where there was none.
    """
    rows = [_row(slug, pairs, result) for slug in result.file.categories]
    unsure = sorted((each for each in result.assignments if each.by == "cluster" and each.margin is not None), key=_by)
    said = {pair.id: pair for pair in pairs}
    known = [(each.category, said[each.id].category) for each in result.assignments if said[each.id].category]
    agreement = measure_agreement(*map(list, zip(*known, strict=True))) | {"pairs": len(known)} if known else None
    return {
        "categories": rows,
        "doubtful": [
            {
                "id": each.id,
                "category": each.category,
                "next": result.runners_up[each.id],
                "margin": each.margin,
                "text": _shorten(said[each.id].question or said[each.id].y),
            }
            for each in unsure[:DOUBTFUL]
        ],
        "agreement": agreement,
        "warnings": _warnings(rows, said, result.file, old),
    }


def format_report(report: Mapping[str, Any]) -> str:
    """The report as text."""
    width = max(len(row["category"]) for row in report["categories"])
    lines = [f"{'category':<{width}}  pairs  calls  margin  what it is"]
    for row in report["categories"]:
        counts = f"{row['pairs']:>5}  {row['calls']:>5}  {_number(row['margin']):>6}"
        lines.append(f"{row['category']:<{width}}  {counts}  {row['sentence']}")
    if report["doubtful"]:
        lines += ["", "most doubtful pairs; to move one, write its id and category under [moved]"]
        lines += [
            f"{each['id']}  {each['category']} or {each['next']} ({_number(each['margin'])}): {each['text']}"
            for each in report["doubtful"]
        ]
    if agreement := report["agreement"]:
        lines += [
            "",
            f"against the categories that {agreement['pairs']} pairs have: purity {agreement['purity']:.2f},"
            f" adjusted Rand index {agreement['ari']:.2f}, normalised mutual information {agreement['nmi']:.2f}",
        ]
    lines += ["", f"written: {report['out']}, {report['assignments']}"]
    return "\n".join(lines)


def _row(slug: str, pairs: Sequence[Pair], result: Result) -> dict[str, Any]:
    margins = {each.id: each.margin for each in result.assignments if each.category == slug}
    measured = [margin for margin in margins.values() if margin is not None]
    return {
        "category": slug,
        "pairs": len(margins),
        "calls": len({pair.conversation for pair in pairs if pair.id in margins}),
        "margin": round(median(measured), 4) if measured else None,
        "found": [id_ for id_, name in result.file.found.items() if name == slug],
        "sentence": result.file.categories[slug],
    }


def _warnings(
    rows: Sequence[Mapping[str, Any]], said: Mapping[str, Pair], file: CategoriesFile, old: CategoriesFile | None
) -> list[str]:
    warnings = []
    for row in rows:
        if row["pairs"] == 0:
            warnings.append(
                f"category {row['category']!r} has no pair; move some, delete it, or place all again with --anew"
            )
        elif row["calls"] == 1:
            warnings.append(
                f"category {row['category']!r} has pairs of one call only, so its facts cannot be tried on other"
                " customers; merge it with another"
            )
    warnings += [f"moved pair {id_!r} is not among the pairs; check its id" for id_ in file.moved if id_ not in said]
    lost = sorted(set(old.found) - set(file.found)) if old else []
    warnings += [f"the pairs of cluster {id_} ({old.found[id_]}) are spread over others now" for id_ in lost if old]
    return warnings


def _by(assignment: Any) -> tuple[float, str]:
    return assignment.margin, assignment.id


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
