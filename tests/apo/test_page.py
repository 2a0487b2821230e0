from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from apo.page import render_page
from apo.svg import Markup, best_by_round, element, interval_plot, learning_curve, place_nodes, signed

Report = dict[str, Any]
EVIL = '<script>alert(\'x\')</script>" onload="x" & </style>\x1b\ud800'
SECTIONS = (
    "Before and after",
    "What changed in the prompt",
    "By label pattern",
    "The search",
    "Examples fixed and broken",
    "Calls and cost",
)


def interval(value: float, n: int = 240) -> Report:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n, "confidence": 0.95}


def node(name: str, parent: str | None, round: int, value: float | None, n: int = 180) -> Report:
    score = None if value is None else interval(value, n)
    moves = [{"kind": "add_rule", "reason": "rule bank"}] if parent else []
    return {"name": name, "parent": parent, "round": round, "n": n, "score": score, "moves": moves}


def build(text: str = "plain") -> Report:
    """A finished run in which every free text is `text`."""
    changes = [
        ("setting", "front matter", "version", "1", "2"),
        ("added", "system", "s2", None, text),
        ("edited", "system", "s1", f"old {text}", f"new {text}"),
        ("moved", "after", "b1", "before", "after"),
        ("reordered", "after", "", "a1 a2", "a2 a1"),
        ("removed", "demos", "d1", text, None),
    ]
    keys = ("kind", "where", "id", "before", "after")
    quote = {"id": text, "text": text, "gold": [text], "start": [], "champion": [text], "error": text}
    tree = [node("c0", None, 0, 0.3), node("c1", "c0", 0, 0.4), node("c2", "c1", 1, 0.5), node("c3", "c0", 1, None, 0)]
    tree[1]["moves"][0]["reason"] = text
    figures = {"p": 0.0003, "alpha": 0.025, "look": 1, "fixes": 47, "breaks": 9, "missing": 2, "detectable": 0.08}
    scores = {"gain": interval(0.142), "start": interval(0.312), "champion": interval(0.454)}
    search = {"rounds": 2, "stopped": "calls", "candidates": 4, "dev": 180}
    return {
        "task": text,
        "model": text,
        "metric": text,
        "seed": 7,
        "verdict": {"passed": True, "reason": text, **figures, **scores},
        "constant": {"answers": [text], "score": 0.1, "warning": True},
        "search": {**search, "start": interval(0.3, 180), "champion": interval(0.5, 180)},
        "calls": {
            "calls": 1652,
            "cached": 48,
            "failed": 3,
            "prompt_tokens": 412345,
            "completion_tokens": 19876,
            "cost_usd": None,
        },
        "champion": {"name": "c2", "sha256": "9c" * 32, "lineage": ["c0", "c1", "c2"]},
        "diff": [dict(zip(keys, change, strict=True)) for change in changes],
        "patterns": [{"pattern": text, "n": 17, "start": 0.4, "champion": 0.7}],
        "tree": tree,
        "examples": {"fixed": [quote], "broken": [quote]},
    }


def build_untested() -> Report:
    """A run that found nothing and tested nothing."""
    report = build()
    return {
        **report,
        "verdict": {"passed": False, "reason": "not tested: there is no sealed file"},
        "constant": {"answers": [], "score": 0.0, "warning": False},
        "search": {**report["search"], "start": None, "champion": None, "stopped": "ideas"},
        "champion": {**report["champion"], "name": "c0", "lineage": ["c0"]},
        "diff": [],
        "patterns": [],
        "tree": [node("c0", None, 0, None, 0)],
        "examples": {"fixed": [], "broken": []},
    }


class Balance(HTMLParser):
    """Collects the tags and attributes of a page and checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("report", [build(), build(EVIL), build_untested()], ids=["plain", "hostile", "untested"])
def test_page_is_well_formed_and_has_every_section(report: Report) -> None:
    page = render_page(report)
    assert page.startswith("<!DOCTYPE html>")
    parse(page)
    for title in SECTIONS:
        assert f"<h2>{title}</h2>" in page


@pytest.mark.parametrize("report", [build(), build(EVIL), build_untested()], ids=["plain", "hostile", "untested"])
def test_pictures_are_well_formed_xml(report: Report) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render_page(report), re.DOTALL)
    assert pictures
    for picture in pictures:
        assert ElementTree.fromstring(picture).get("aria-label")


def test_hostile_text_stays_text() -> None:
    page = render_page(build(EVIL))
    parsed = parse(page)
    assert "script" not in parsed.tags
    assert not {name for name in parsed.attributes if name.startswith("on")}
    assert page.count("</style>") == 1
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    page.encode("utf-8")


@pytest.mark.parametrize("report", [build(), build_untested()], ids=["plain", "untested"])
def test_page_loads_nothing_and_runs_nothing(report: Report) -> None:
    page = render_page(report)
    parsed = parse(page)
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not {"script", "link", "img", "iframe", "object", "embed"} & parsed.tags
    assert not {"src", "href"} & parsed.attributes


def test_page_follows_the_readers_colour_scheme_and_width() -> None:
    page = render_page(build())
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


@pytest.mark.parametrize(("passed", "class_", "word"), [(True, "yes", "Released"), (False, "no", "Not released")])
def test_banner_says_yes_or_no(passed: bool, class_: str, word: str) -> None:
    report = build()
    report["verdict"]["passed"] = passed
    page = render_page(report)
    assert f'class="verdict {class_}"' in page
    assert f"</span>{word}</h1>" in page


def test_banner_tells_untested_from_refused() -> None:
    page = render_page(build_untested())
    assert 'class="verdict open"' in page
    assert "Not tested: there is no sealed file" in page
    assert "nothing changed" in page
    assert "not scored" in page


def test_banner_warns_of_a_constant_answer_and_of_the_embedded_model() -> None:
    report = build()
    assert 'role="alert"' in render_page(report)
    assert "say nothing about your model" not in render_page(report)
    assert "say nothing about your model" in render_page({**report, "model": "embedded"})
    assert 'role="alert"' not in render_page(build_untested())


def test_demos_are_folded_and_rules_are_not() -> None:
    page = render_page(build())
    assert "<summary>demos: 1 removed</summary>" in page
    assert '<li class="add">' in page.split("<details>")[0]


def test_flips_say_how_many_are_not_shown() -> None:
    page = render_page(build())
    assert "Fixed: 47, 1 shown" in page
    assert "Broken: 9, 1 shown" in page


def test_tree_shows_each_candidate_with_its_moves_and_n() -> None:
    page = render_page(build())
    assert page.count('class="node') == 4
    assert "<title>c2  0.500 [0.450, 0.550] n=180\nadd_rule: rule bank</title>" in page
    assert page.count('class="edge kin"') == 2
    assert 'class="node unscored"' in page


def test_nodes_stand_by_round_best_on_top() -> None:
    places = place_nodes([node("c0", None, 0, 0.3), node("c1", "c0", 0, 0.1), node("c2", "c0", 0, 0.4)])
    assert places["c0"][0] < places["c1"][0] == places["c2"][0]
    assert places["c2"][1] < places["c1"][1]


def test_curve_passes_over_candidates_scored_on_few_examples() -> None:
    tree = [
        node("c0", None, 0, 0.3),
        node("c1", "c0", 0, 0.9, n=24),
        node("c2", "c0", 1, 0.4),
        node("c3", "c0", 2, 0.2),
    ]
    assert [(name, score["value"]) for name, score in best_by_round(tree)] == [
        ("start", 0.3),
        ("round 0", 0.3),
        ("round 1", 0.4),
        ("round 2", 0.4),
    ]


@pytest.mark.parametrize("value", [0.05, 0.5, 0.95])
def test_curve_stays_inside_its_picture(value: float) -> None:
    picture = ElementTree.fromstring(learning_curve([("start", interval(value)), ("round 0", interval(value))]))
    heights = [float(line.get(key, "nan")) for line in picture.iter("line") for key in ("y1", "y2")]
    assert all(0 <= height <= float(picture.get("height", "nan")) for height in heights)


@pytest.mark.parametrize("value", [-0.2, 0.0, 0.01, 0.3])
def test_gain_is_drawn_against_zero(value: float) -> None:
    picture = ElementTree.fromstring(interval_plot(interval(value)))
    zero = next(line for line in picture.iter("line") if line.get("class") == "zero")
    dot = next(picture.iter("circle"))
    places = [float(str(part).rstrip("%")) for part in (zero.get("x1"), dot.get("cx"))]
    assert all(0 <= place <= 100 for place in places)
    assert (places[1] > places[0]) == (value > 0)


def test_gain_without_width_is_still_drawn() -> None:
    gain = {"value": 0.0, "low": 0.0, "high": 0.0, "n": 9, "confidence": 0.95}
    assert "nan" not in interval_plot(gain)


@pytest.mark.parametrize(("value", "text"), [(0.1, "+0.100"), (-0.1, "−0.100"), (0.0, "0.000"), (-0.00001, "0.000")])
def test_signed_uses_a_minus_sign_and_none_for_zero(value: float, text: str) -> None:
    assert signed(value) == text


def test_element_escapes_text_but_not_markup() -> None:
    assert element("p", "<b>", Markup("<i></i>"), None, class_='"') == '<p class="&quot;">&lt;b&gt;<i></i></p>'
