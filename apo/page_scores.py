"""The scores of the page: start and champion side by side, over all examples and by label pattern.

Scores of one table share one scale from 0 to 1, and sealed ones come before those that the search has seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from apo.page_parts import fact_list, section, table_row, untested_note
from apo.svg import Markup, element, pair_row, scale, score_row, signed
from apo.terminal import Report, was_tested


def scores_section(report: Report) -> Markup:
    """Sealed and dev scores with their intervals, and the figures of the test."""
    verdict, search = report["verdict"], report["search"]
    rows = []
    if was_tested(verdict):
        rows += [("Sealed, start", verdict["start"], "start"), ("Sealed, champion", verdict["champion"], "champion")]
    rows += [("Dev, start", search["start"], "start"), ("Dev, champion", search["champion"], "champion")]
    facts = None
    if was_tested(verdict):
        facts = fact_list(
            ("fixed", verdict["fixes"]),
            ("broken", verdict["breaks"]),
            ("missing", verdict["missing"]),
            ("look at this sealed file", verdict["look"]),
            ("confidence of the gain's interval", f"{100 * verdict['gain']['confidence']:.4g} %"),
            ("true gain shown four times in five", f"{verdict['detectable']:.3f}"),
        )
    return section(
        "Before and after",
        facts,
        element(
            "table",
            table_row("th", "", scale(), "score", "95 % interval", "n"),
            *(_score(*row) for row in rows),
            class_="plot scores",
        ),
        element("p", "The champion was chosen on the dev examples, so its dev score flatters.", class_="muted"),
    )


def _score(label: str, interval: Report | None, class_: str) -> Markup:
    if interval is None:
        return table_row("td", label, element("span", "not scored", class_="muted"), "–", "–", "0")
    span = f"{interval['low']:.3f} to {interval['high']:.3f}"
    return table_row("td", label, score_row(interval, class_), f"{interval['value']:.3f}", span, interval["n"])


def patterns_section(patterns: Sequence[Report]) -> Markup:
    """Sealed scores by the kind of example, so that a loss behind a gain is seen."""
    if not patterns:
        return section("By label pattern", untested_note())
    rows = (
        table_row(
            "td",
            row["pattern"],
            pair_row(row["start"], row["champion"]),
            f"{row['start']:.3f}",
            f"{row['champion']:.3f}",
            signed(row["champion"] - row["start"]),
            row["n"],
        )
        for row in patterns
    )
    head = table_row("th", "", scale(), "start", "champion", "change", "n")
    hint = element("p", "Sealed examples by their kind. Hollow: the start. Filled: the champion.", class_="muted")
    return section("By label pattern", hint, element("table", head, *rows, class_="plot patterns"))
