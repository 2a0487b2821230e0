from __future__ import annotations

from typing import Any

import pytest

from apo.terminal import CAVEAT, MAX_DEMO, changes_of, describe_cost, format_report, printable

Report = dict[str, Any]


def interval(value: float, n: int = 240, confidence: float = 0.95) -> Report:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n, "confidence": confidence}


def change(kind: str, where: str, id: str, before: str | None, after: str | None) -> Report:
    return {"kind": kind, "where": where, "id": id, "before": before, "after": after}


@pytest.fixture
def report() -> Report:
    """A run whose champion passed the gate, as `report.json` holds it."""
    return {
        "task": "headlines",
        "model": "openai/large",
        "metric": "strings",
        "seed": 7,
        "verdict": {
            "passed": True,
            "reason": "p = 0.0003, at or below 0.025 (look 1 at this sealed file)",
            "look": 1,
            "p": 0.0003,
            "alpha": 0.025,
            "gain": interval(0.142),
            "start": interval(0.312),
            "champion": interval(0.454),
            "fixes": 47,
            "breaks": 9,
            "missing": 2,
            "detectable": 0.081,
        },
        "constant": {"answers": ["DAX"], "score": 0.1, "warning": False},
        "search": {
            "rounds": 3,
            "stopped": "calls",
            "candidates": 20,
            "dev": 180,
            "start": interval(0.26, 180),
            "champion": interval(0.44, 180),
        },
        "calls": {
            "calls": 1652,
            "cached": 48,
            "failed": 3,
            "prompt_tokens": 412345,
            "completion_tokens": 19876,
            "cost_usd": None,
        },
        "champion": {"name": "c1", "sha256": "9c" * 32, "lineage": ["c0", "c1"]},
        "diff": [
            change("setting", "front matter", "parent", "null", "a3" * 32),
            change("added", "system", "s2", None, "Leave out indices."),
            change("added", "demos", "d1", None, "x" * 500),
        ],
        "patterns": [{"pattern": "index", "n": 17, "start": 0.42, "champion": 0.71}],
        "tree": [],
        "examples": {"fixed": [], "broken": []},
    }


def untested(report: Report) -> Report:
    search = {**report["search"], "start": None, "champion": None}
    verdict = {"passed": False, "reason": "not tested: there is no sealed file"}
    return {**report, "verdict": verdict, "patterns": [], "diff": [], "search": search}


def test_report_begins_with_the_verdict(report: Report) -> None:
    assert format_report(report).startswith("released: p = 0.0003, at or below 0.025 (look 1")
    report["verdict"]["passed"] = False
    assert format_report(report).startswith("not released: p")


def test_report_shows_scores_gain_flips_and_missing(report: Report) -> None:
    text = format_report(report)
    assert "start     0.312 [0.262, 0.362] n=240" in text
    assert "champion  0.454 [0.404, 0.504] n=240" in text
    assert "gain     +0.142 [+0.092, +0.192] at 95 %" in text
    assert "47 fixed, 9 broken, 2 missing" in text


def test_report_without_a_test_says_why_and_stays_readable(report: Report) -> None:
    text = format_report(untested(report))
    assert text.startswith("not released, not tested: there is no sealed file")
    assert "not scored" in text
    assert "no change" in text
    assert "gain" not in text
    assert "by label pattern" not in text


@pytest.mark.parametrize(("answers", "shown"), [([], "(nothing)"), (["DAX", "Dow"], "(DAX, Dow)")])
def test_report_warns_loudly_of_a_constant_answer(report: Report, answers: list[str], shown: str) -> None:
    assert "WARNING" not in format_report(report)
    report["constant"] = {"answers": answers, "score": 0.46, "warning": True}
    warning = format_report(report).split("\n\n")[1]
    assert warning.startswith("WARNING")
    assert shown in warning
    assert "0.460" in warning


def test_patterns_line_up(report: Report) -> None:
    report["patterns"].append({"pattern": "a lookalike product name", "n": 4, "start": 0.5, "champion": 0.25})
    rows = next(part for part in format_report(report).split("\n\n") if part.startswith("by label")).split("\n")
    assert len({len(row) for row in rows}) == 1
    assert rows[1].split() == ["index", "17", "0.420", "0.710", "+0.290"]
    assert rows[2].endswith("-0.250")


def test_diff_shows_rules_whole_and_cuts_demos_and_hashes(report: Report) -> None:
    text = format_report(report)
    assert "+ [s2] Leave out indices." in text
    assert f"+ [d1] {'x' * (MAX_DEMO - 1)}…" in text
    assert "null -> a3a3a3a3a3a…" in text


def test_changes_can_be_had_whole(report: Report) -> None:
    assert changes_of(report["diff"], shorten=False)[2].after == "x" * 500


@pytest.mark.parametrize(
    ("cost", "shown"), [(None, "unknown"), (0.0, "$0.00"), (0.0123, "$0.0123"), (1234.5, "$1,234.50")]
)
def test_cost_is_unknown_rather_than_nothing(cost: float | None, shown: str) -> None:
    assert describe_cost(cost) == shown


def test_embedded_model_comes_with_its_caveat(report: Report) -> None:
    assert CAVEAT not in format_report(report)
    assert CAVEAT in format_report({**report, "model": "embedded"})


def test_text_cannot_steer_the_terminal(report: Report) -> None:
    report["diff"] = [change("added", "system", "s2", None, "\x1b[2Jgone \u202e reversed")]
    text = format_report(report)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "gone" in text


def test_printable_keeps_ordinary_text() -> None:
    assert printable("Nestlé\t\u201cé\u201d\n\u4f60\u597d \U0001f469\u200d\U0001f52c\u00a0€") == (
        "Nestlé\t\u201cé\u201d\n\u4f60\u597d \U0001f469\u200d\U0001f52c\u00a0€"
    )
