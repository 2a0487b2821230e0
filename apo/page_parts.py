"""What the sections of the page share: a section with its title, figures with their names, a row of a table.

    section("Calls and cost", fact_list(("calls", "1,652"), ("failed", "3")))

What is passed in is escaped by `apo.svg.element` unless it is markup already.
"""

from __future__ import annotations

from apo.svg import Markup, element


def section(title: str, *children: object) -> Markup:
    """A part of the page under its title."""
    return element("section", element("h2", title), *children)


def fact_list(*facts: tuple[str, object]) -> Markup:
    """Figures, each with its name."""
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in facts)
    return element("dl", *pairs, class_="facts")


def table_row(cell: str, *children: object) -> Markup:
    """One row of a table; `cell` is `th` or `td`."""
    return element("tr", *(element(cell, child) for child in children))


def untested_note() -> Markup:
    """What stands where the sealed test would have something to show."""
    return element("p", "Nothing was put to the sealed test.", class_="muted")
