"""Reports of a run as the page takes them, built by hand."""

from __future__ import annotations

from typing import Any

Report = dict[str, Any]
EVIL = '<script>alert(\'x\')</script>" onload="x" & </style>\x1b\ud800'


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
