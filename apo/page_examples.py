"""The sealed examples that the champion fixed or broke, with both answers, as a section of the page.

The report holds only some of them, so each heading gives the whole number and how many are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from apo.page_parts import section, table_row, untested_note
from apo.svg import Markup, element, join
from apo.terminal import Report, was_tested


def examples_section(report: Report) -> Markup:
    """Fixed ones first, then broken ones."""
    examples, verdict = report["examples"], report["verdict"]
    if not was_tested(verdict):
        return section("Examples fixed and broken", untested_note())
    counts = {"fixed": verdict["fixes"], "broken": verdict["breaks"]}
    parts = [part for kind in ("fixed", "broken") for part in _flips(kind, examples[kind], counts[kind])]
    return section("Examples fixed and broken", *parts)


def _flips(kind: str, examples: Sequence[Report], total: int) -> list[Markup]:
    """Examples whose answer went from wrong to right, or back."""
    shown = f", {len(examples)} shown" if len(examples) < total else ""
    head = element("h3", f"{kind.capitalize()}: {max(total, len(examples))}{shown}")
    if not examples:
        return [head, element("p", "None.", class_="muted")]
    rows = (
        element(
            "tr",
            element("td", example["text"], _error(example["error"]), class_="text"),
            *(
                element("td", _chips(example[key]), data_label=label)
                for key, label in (("gold", "gold"), ("start", "before"), ("champion", "after"))
            ),
        )
        for example in examples
    )
    return [head, element("table", table_row("th", "text", "gold", "before", "after"), *rows, class_=f"flips {kind}")]


def _error(error: str | None) -> Markup | None:
    if error is None:
        return None
    reason = "one answer could not be read" if error == "parse" else error
    return element("span", reason, class_="muted note")


def _chips(answers: Sequence[str]) -> Markup:
    if not answers:
        return element("span", "nothing", class_="muted")
    return join(*(element("span", answer, class_="chip") for answer in answers))
