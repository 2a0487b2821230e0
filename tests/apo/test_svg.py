from __future__ import annotations

from xml.etree import ElementTree

import pytest

from apo.svg import Markup, best_by_round, element, interval_plot, learning_curve, place_nodes, signed
from tests.apo.reports import interval, node


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
