"""The pictures of the page, and the markup they are made of.

Everything that is not `Markup` is escaped when it becomes part of an element, so a hostile headline stays text.
Sizes along x are percentages where a picture has to fit a phone; colours are classes, so that dark mode is CSS.

    interval_plot({"value": 0.1, "low": 0.04, "high": 0.16, "n": 240, "confidence": 0.9})
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from apo.terminal import describe_interval, printable

Interval = Mapping[str, Any]
Node = Mapping[str, Any]

WIDTH, COLUMN, ROW, MARGIN = 800, 84, 26, 24
"""Pixels of the search tree: its width and the least between rounds, between rows, and around it."""
CURVE_HEIGHT, CURVE_TOP, CURVE_LEFT = 220, 24, 9.0
"""Pixels, pixels, percent."""
FAR = 0.8
"""A candidate counts for the learning curve when it was scored on this share of what the furthest one was."""


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: object) -> Markup:
    """One element; `class_` is class, `stroke_width` is stroke-width, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Children side by side; text is escaped, None is left out."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(printable(str(child)))
            for child in children
            if child is not None
        )
    )


def signed(value: float) -> str:
    """A difference, with a real minus sign; what rounds to zero has no sign."""
    text = f"{value:+.3f}".replace("-", "−")
    return "0.000" if text[1:] == "0.000" else text


def percent(share: float) -> str:
    """A place along x."""
    return f"{100 * share:.2f}%"


def interval_plot(gain: Interval) -> Markup:
    """A gain and its interval against 0: whether the bar clears the line is the verdict's picture."""
    low, high = min(0.0, gain["low"], gain["value"]), max(0.0, gain["high"], gain["value"])
    span = high - low or 0.02

    def x(value: float) -> str:
        return percent(0.22 + 0.56 * (value - low) / span)

    label = f"gain {signed(gain['value'])}, interval {signed(gain['low'])} to {signed(gain['high'])}, against 0"
    return _picture(
        84,
        label,
        _line("axis", ("0%", 34), ("100%", 34)),
        _line("zero", (x(0), 8), (x(0), 44)),
        _line("zero", (x(0), 60), (x(0), 67)),
        _text("muted", (x(0), 80), "0, no gain", "middle"),
        _line("bar", (x(gain["low"]), 34), (x(gain["high"]), 34)),
        _dot("champion", x(gain["value"]), 34, 7),
        _text("strong", (x(gain["value"]), 20), signed(gain["value"]), "middle"),
        _text("", (x(gain["low"]), 56), signed(gain["low"]), "end"),
        _text("", (x(gain["high"]), 56), signed(gain["high"]), "start"),
    )


def scale() -> Markup:
    """The labels of an axis from 0 to 1, for the head of a column of pictures."""
    marks = (("0%", "0", "start"), ("50%", "0.5", "middle"), ("100%", "1", "end"))
    return _picture(14, "axis from 0 to 1", *(_text("muted", (x, 11), text, anchor) for x, text, anchor in marks))


def score_row(interval: Interval, class_: str) -> Markup:
    """A score with its interval on an axis from 0 to 1."""
    low, high = percent(interval["low"]), percent(interval["high"])
    return _picture(
        22,
        describe_interval(interval),
        *_rails(22),
        _line(f"bar {class_}", (low, 11), (high, 11)),
        _dot(class_, percent(interval["value"]), 11, 5.5),
    )


def pair_row(start: float, champion: float) -> Markup:
    """Two scores on an axis from 0 to 1, joined by what was gained or lost."""
    change = "loss" if champion < start else "gain"
    return _picture(
        22,
        f"start {start:.3f}, champion {champion:.3f}",
        *_rails(22),
        _line(f"bar {change}", (percent(start), 11), (percent(champion), 11)),
        _dot("start", percent(start), 11, 5),
        _dot(f"champion {change}", percent(champion), 11, 5.5),
    )


def learning_curve(steps: Sequence[tuple[str, Interval]]) -> Markup:
    """The best score so far, one step a round, with its interval as a band."""
    low = min(interval["low"] for _, interval in steps)
    high = max(interval["high"] for _, interval in steps)
    gap = next(gap for gap in (0.05, 0.1, 0.2, 0.5) if (high - low) / gap <= 6 or gap == 0.5)
    first = math.floor(low / gap)
    last = max(first + 1, math.ceil(round(high / gap, 6)))
    width = (100 - CURVE_LEFT) / 100 / len(steps)

    def y(value: float) -> float:
        share = (last - value / gap) / (last - first)
        return float(round(CURVE_TOP + (CURVE_HEIGHT - CURVE_TOP) * share, 2))

    parts = []
    for mark in range(first, last + 1):
        parts.append(_line("axis", ("0%", y(mark * gap)), ("100%", y(mark * gap))))
        parts.append(_text("muted", ("0%", y(mark * gap) - 4), f"{mark * gap:.2f}", "start"))
    every = max(1, round(len(steps) / 8))
    for place, (name, interval) in enumerate(steps):
        left, right = (percent(CURVE_LEFT / 100 + width * (place + side)) for side in (0, 1))
        height = round(y(interval["low"]) - y(interval["high"]), 2)
        hint = element("title", f"{name}: {describe_interval(interval)}")
        band = {"x": left, "y": y(interval["high"]), "width": percent(width), "height": height}
        parts.append(element("rect", hint, class_="band", **band))
        parts.append(_line("best", (left, y(interval["value"])), (right, y(interval["value"]))))
        if place + 1 < len(steps):
            parts.append(_line("best", (right, y(interval["value"])), (right, y(steps[place + 1][1]["value"]))))
        if place % every == 0:
            middle = percent(CURVE_LEFT / 100 + width * (place + 0.5))
            parts.append(_text("muted", (middle, CURVE_HEIGHT + 18), name.removeprefix("round "), "middle"))
    return _picture(CURVE_HEIGHT + 24, "best dev score by round", *parts)


def best_by_round(tree: Sequence[Node]) -> list[tuple[str, Interval]]:
    """Name of each step and the best score up to it, among candidates that were scored on enough examples."""
    scored = [node for node in tree if node["score"]]
    steps: list[tuple[str, Interval]] = []
    start = next((node for node in scored if node["parent"] is None), None)
    if start:
        steps.append(("start", start["score"]))
    for number in sorted({node["round"] for node in scored if node["parent"] is not None}):
        seen = [node for node in scored if node["round"] <= number]
        most = max(node["n"] for node in seen)
        best = max((node for node in seen if node["n"] >= FAR * most), key=lambda node: node["score"]["value"])
        steps.append((f"round {number}", best["score"]))
    return steps


def search_tree(tree: Sequence[Node], lineage: Sequence[str]) -> Markup:
    """Candidates by round from left to right, best on top, the champion's line in bold."""
    places = place_nodes(tree)
    values = [node["score"]["value"] for node in tree if node["score"]]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    kin = set(lineage)
    thin: list[Markup] = []
    bold: list[Markup] = []
    for node in tree:
        if node["parent"] in places:
            is_kin = node["name"] in kin and node["parent"] in kin
            (bold if is_kin else thin).append(_edge(places[node["parent"]], places[node["name"]], is_kin))
    nodes = []
    for node in tree:
        heat = None
        if node["score"]:
            heat = (node["score"]["value"] - low) / (high - low) if high > low else 1.0
        nodes.append(_node(node, places[node["name"]], heat, is_kin=node["name"] in kin))
    rounds = sorted({x for x, _ in places.values()})
    names = ["start", *(f"round {number}" for number in range(len(rounds)))]
    heads = [_text("muted", (x, 14), name, "middle") for x, name in zip(rounds, names, strict=False)]
    width = max(x for x, _ in places.values()) + MARGIN + 30
    height = max(y for _, y in places.values()) + MARGIN
    parts = (*heads, *thin, *bold, *nodes)
    label = f"search tree of {len(tree)} candidates"
    return element("svg", *parts, role="img", aria_label=label, class_="tree", width=width, height=height)


def place_nodes(tree: Sequence[Node]) -> dict[str, tuple[float, float]]:
    """Pixels of each candidate: x by round, the start in a column of its own; y by score, best on top."""
    columns: dict[int, list[Node]] = {}
    for node in tree:
        columns.setdefault(0 if node["parent"] is None else node["round"] + 1, []).append(node)
    tallest = max((len(nodes) for nodes in columns.values()), default=0)
    column = min(2 * COLUMN, max(COLUMN, (WIDTH - 2 * MARGIN - 30) / max(1, len(columns) - 1)))
    places = {}
    for place, number in enumerate(sorted(columns)):
        nodes = sorted(columns[number], key=lambda node: -node["score"]["value"] if node["score"] else 1.0)
        top = 40 + ROW * (tallest - len(nodes)) / 2
        for row, node in enumerate(nodes):
            places[str(node["name"])] = (round(MARGIN + column * place, 1), top + ROW * row)
    return places


def _edge(a: tuple[float, float], b: tuple[float, float], is_kin: bool) -> Markup:
    bend = (b[0] - a[0]) / 2
    path = f"M{a[0]} {a[1]} C{a[0] + bend} {a[1]} {b[0] - bend} {b[1]} {b[0]} {b[1]}"
    return element("path", d=path, class_="edge kin" if is_kin else "edge")


def _node(node: Node, place: tuple[float, float], heat: float | None, *, is_kin: bool) -> Markup:
    moves = [f"{move['kind']}: {move['reason']}" if move["reason"] else move["kind"] for move in node["moves"]]
    hint = "\n".join([f"{node['name']}  {describe_interval(node['score'])}", *moves])
    style = None if heat is None else f"--heat:{percent(0.08 + 0.92 * heat)}"
    class_ = " ".join(["node", *(["kin"] if is_kin else []), *(["unscored"] if heat is None else [])])
    x, y = place
    return element(
        "g",
        element("title", hint),
        element("circle", cx=x, cy=y, r=8 if is_kin else 6.5, style=style),
        element("text", node["name"], x=x + 12, y=y + 4),
        class_=class_,
    )


def _picture(height: int, label: str, *parts: Markup) -> Markup:
    return element("svg", *parts, role="img", aria_label=label, width="100%", height=height)


def _rails(height: int) -> tuple[Markup, ...]:
    return (
        _line("axis", ("0%", height / 2), ("100%", height / 2)),
        *(_line("axis", (x, 4), (x, height - 4)) for x in ("0%", "50%", "100%")),
    )


def _line(class_: str, a: tuple[object, float], b: tuple[object, float]) -> Markup:
    return element("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=class_)


def _dot(class_: str, x: str, y: float, r: float) -> Markup:
    return element("circle", cx=x, cy=y, r=r, class_=f"dot {class_}")


def _text(class_: str, place: tuple[object, float], text: str, anchor: str) -> Markup:
    return element("text", text, x=place[0], y=place[1], text_anchor=anchor, class_=class_ or None)


PICTURE_CSS = """
svg { display: block; overflow: visible; }
svg text { fill: var(--ink); font-size: 13px; }
svg text.muted { fill: var(--soft); font-size: 12px; font-weight: 400; }
svg .strong { font-weight: 650; font-size: 15px; }
svg .axis { stroke: var(--line); }
svg .zero { stroke: var(--soft); stroke-dasharray: 3 3; }
svg .bar { stroke: var(--soft); stroke-width: 3; stroke-linecap: round; }
svg .dot { stroke: var(--soft); stroke-width: 2; fill: var(--ground); }
svg .bar.champion, svg .bar.gain, .yes svg .bar { stroke: var(--accent); }
svg .dot.champion, .yes svg .dot { fill: var(--accent); stroke: var(--accent); }
.no svg .bar, svg .bar.loss { stroke: var(--bad); }
.no svg .dot, svg .dot.loss { fill: var(--bad); stroke: var(--bad); }
svg .band { fill: var(--accent); opacity: 0.14; }
svg .best { stroke: var(--accent); stroke-width: 2.5; stroke-linecap: round; }
svg .edge { fill: none; stroke: var(--soft); opacity: 0.28; }
svg .edge.kin { stroke: var(--ink); stroke-width: 3; opacity: 1; }
svg .node circle { fill: color-mix(in srgb, var(--accent) var(--heat), var(--low)); stroke: var(--ground); }
svg .node.unscored circle { fill: var(--ground); stroke: var(--soft); stroke-dasharray: 2 2; }
svg .node.kin circle { stroke: var(--ink); stroke-width: 3; }
svg .node text { font-size: 11px; fill: var(--soft); paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
svg .node.kin text { fill: var(--ink); font-weight: 700; }
"""
"""What the classes of the pictures look like; the colours are the page's variables."""
