"""What changed in the prompt, rule by rule, as a section of the page.

Changes come from `apo.terminal.changes_of`, so the page and the terminal tell the same; only the page shows whole
demos, folded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from apo.page_parts import section
from apo.svg import Markup, element, join
from apo.terminal import changes_of
from workbench.promptdiff import RuleChange


def diff_section(diff: Sequence[Mapping[str, Any]]) -> Markup:
    """The change of the prompt, slot by slot; demos are long and come folded."""
    whole, short = changes_of(diff, shorten=False), changes_of(diff)
    changes = [cut if cut.where == "front matter" else change for change, cut in zip(whole, short, strict=True)]
    parts: list[Markup] = []
    for where, group in groupby(changes, key=lambda change: change.where):
        rules = list(group)
        body = element("ul", *(_change(change) for change in rules), class_="diff")
        if where == "demos":
            parts.append(element("details", element("summary", f"demos: {_count(rules)}"), body))
        else:
            parts.append(join(element("h3", where), body))
    nothing = element("p", "The champion is the start: nothing changed.", class_="muted")
    return section("What changed in the prompt", *(parts or [nothing]))


def _count(changes: Sequence[RuleChange]) -> str:
    kinds = [change.kind for change in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _change(change: RuleChange) -> Markup:
    name = element("code", change.id) if change.id else None
    match change.kind:
        case "added":
            return _line("+", name, change.after)
        case "removed":
            return _line("-", name, change.before)
        case "edited":
            return join(_line("-", name, change.before), _line("+", name, change.after))
        case "moved":
            return _line("~", name, f"moved here from {change.before}")
        case "reordered":
            return _line("~", None, f"order: {change.before} → {change.after}")
        case "setting":
            return _line("~", name, f"{change.before} → {change.after}")


def _line(sign: str, name: Markup | None, text: str | None) -> Markup:
    class_ = {"+": "add", "-": "cut", "~": "edit"}[sign]
    shown = element("span", sign.replace("-", "−"), class_="sign")
    return element("li", shown, element("div", name, element("span", text or "", class_="rule")), class_=class_)
