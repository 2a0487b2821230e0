"""The exam as a picture: a row for each book, its loss as a point with its interval, for replies and for their slots.

Path(name).write_text(draw_ladder(report))
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from reer.tables import NAMES

WIDTH, ROW, LEFT, TOP, PANEL, GAP = 900, 34, 190, 76, 320, 40
"""Pixels: of the picture, a row, the names, the headings, a panel and the space between two."""
MARGIN = 0.08
"""Of a panel's range, left free on both sides."""
STYLE = """
text{font:14px system-ui,sans-serif;fill:#1c2321}.soft{fill:#66706c;font-size:12px}.grid{stroke:#e3e2dd}
.bar{stroke:#98a39f;stroke-width:3}.dot{fill:#66706c}.own .bar{stroke:#0f766e}.own .dot{fill:#0f766e}
.own text{font-weight:600}.ground{fill:#fbfaf8}
@media(prefers-color-scheme:dark){text{fill:#e6eae8}.soft{fill:#98a39f}.grid{stroke:#2d3432}.ground{fill:#131716}
.own .bar{stroke:#4fc3b5}.own .dot{fill:#4fc3b5}}
"""


def draw_ladder(report: Mapping[str, Any]) -> str:
    """An SVG document that stands alone."""
    rungs = report["rungs"]
    height = TOP + ROW * len(rungs) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="Loss with each book"><style>{STYLE}</style>'
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text x="20" y="28">{report["pairs"]} replies: nats per token, further left is better</text>',
    ]
    parts += [_name(place, rung) for place, rung in enumerate(rungs)]
    for panel, (figure, title) in enumerate((("nll", "whole reply"), ("slot_nll", "amounts, dates, documents"))):
        found = {rung: figures[figure] for rung, figures in rungs.items() if figures[figure] is not None}
        if found:
            parts.append(_panel(LEFT + panel * (PANEL + GAP), title, found, list(rungs)))
    return "".join(parts) + "</svg>\n"


def _name(place: int, rung: str) -> str:
    own = ' class="own"' if rung == "manual" else ""
    return f'<g{own}><text x="20" y="{TOP + place * ROW + 21}">{escape(NAMES[rung])}</text></g>'


def _panel(left: int, title: str, found: Mapping[str, Mapping[str, float]], order: list[str]) -> str:
    """One figure of all rungs on one scale."""
    low, high = min(each["low"] for each in found.values()), max(each["high"] for each in found.values())
    span = (high - low) or 1.0
    low, span = low - MARGIN * span, span * (1 + 2 * MARGIN)

    def x(value: float) -> float:
        return left + (value - low) / span * PANEL

    parts = [f'<text class="soft" x="{left}" y="{TOP - 12}">{escape(title)}</text>']
    for rung, figure in found.items():
        y = TOP + order.index(rung) * ROW + 16
        own = ' class="own"' if rung == "manual" else ""
        parts.append(
            f'<line class="grid" x1="{left}" x2="{left + PANEL}" y1="{y}" y2="{y}"/><g{own}>'
            f'<line class="bar" x1="{x(figure["low"]):.1f}" x2="{x(figure["high"]):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{x(figure["value"]):.1f}" cy="{y}" r="5"/>'
            f'<text class="soft" x="{x(figure["high"]) + 8:.1f}" y="{y + 4}">{figure["value"]:.2f}</text></g>'
        )
    return "".join(parts)
