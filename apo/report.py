"""What came of a run, as one JSON value: the verdict first, then how it was reached.

Everything the terminal and the page show is in here, so `--json` hides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from apo.board import Board
from apo.evaluate import Outcome
from apo.examples import Example
from apo.gate import Verdict
from apo.search import SearchResult
from apo.task import Task
from lm.road import Ledger
from workbench.metrics import Metric, Tally, constant_baseline, ratio
from workbench.promptdiff import diff_prompts
from workbench.prompts import Prompt
from workbench.stats import Interval, Sample, bootstrap_interval

MAX_SHOWN = 25
"""Fixed and broken examples that a report quotes, of each."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's verdict with the outcomes it rests on."""

    verdict: Verdict
    look: int
    start: Sequence[Outcome]
    champion: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Calls:
    """What was asked of the task's model and, where there is one, of the reflecting model."""

    task: Ledger
    reflection: Ledger | None = None


def build_report(task: Task, result: SearchResult, gate: GateResult | None, calls: Calls) -> dict[str, Any]:
    """Put together the report of a finished run; `gate` is None when nothing was put to the test."""
    champion = result.champion
    return {
        "task": task.file.name,
        "model": task.file.model.name,
        "metric": task.metric.name,
        "seed": task.file.search.seed,
        "verdict": describe_verdict(gate, changed=champion.name != "c0"),
        "constant": constant_warning(task, gate, result),
        "search": {
            "rounds": result.rounds,
            "stopped": result.stopped,
            "candidates": len(result.board.candidates),
            "dev": len(task.dev),
            "start": figure(result.board.tallies("c0")),
            "champion": figure(result.board.tallies(champion.name)),
        },
        "calls": asdict(calls.task),
        "reflection": asdict(calls.reflection) if calls.reflection else None,
        "champion": {"name": champion.name, "sha256": champion.prompt.sha256, "lineage": lineage(result)},
        "diff": describe_diff(task.prompt, champion.prompt),
        "patterns": by_pattern(gate),
        "tree": tree(result.board),
        "examples": {"fixed": flips(gate, fixed=True), "broken": flips(gate, fixed=False)},
    }


def describe_verdict(gate: GateResult | None, *, changed: bool) -> dict[str, Any]:
    """The gate's answer with its figures."""
    if gate is None:
        reason = "there is no sealed file" if changed else "the search found nothing better than the start"
        return {"passed": False, "reason": f"not tested: {reason}"}
    verdict = gate.verdict
    sign = "at or below" if verdict.passed else "above" if verdict.p > verdict.alpha else "at or below, but no gain:"
    reason = f"p = {verdict.p:.4f}, {sign} {verdict.alpha:.4g} (look {gate.look} at this sealed file)"
    return {"reason": reason, "look": gate.look, **asdict(verdict)}


def figure(tallies: Mapping[str, Tally]) -> dict[str, Any] | None:
    """A corpus figure with its interval; None without a scored document."""
    if not tallies:
        return None
    sample = Sample.of(tallies.values())
    return asdict(bootstrap_interval(sample.num, sample.den, rng=np.random.default_rng(0)))


def constant_warning(task: Task, gate: GateResult | None, result: SearchResult) -> dict[str, Any]:
    """The best score a constant answer gets, and whether the champion is no better than that."""
    examples = task.sealed if gate else task.dev
    answers, score = constant_baseline(task.metric, [example.document for example in examples])
    reached = gate.verdict.champion.value if gate else result.board.score(result.champion.name) or 0.0
    return {"answers": list(answers), "score": score, "warning": score >= reached}


def lineage(result: SearchResult) -> list[str]:
    """Names from the start to the champion."""
    names, name = [], result.champion.name
    while name:
        names.append(name)
        name = result.board.candidates[name].parent or ""
    return names[::-1]


def describe_diff(start: Prompt, champion: Prompt) -> list[dict[str, Any]]:
    """The champion against the start, rule by rule."""
    return [asdict(change) for change in diff_prompts(start, champion)]


def by_pattern(gate: GateResult | None) -> list[dict[str, Any]]:
    """Both prompts' corpus score on each kind of sealed example, largest kinds first."""
    if gate is None:
        return []
    after = {outcome.example.id: outcome for outcome in gate.champion}
    groups: dict[str, list[tuple[Tally, Tally]]] = {}
    for old in gate.start:
        new = after.get(old.example.id)
        if new and old.tally and new.tally:
            groups.setdefault(old.example.pattern, []).append((old.tally, new.tally))
    rows = [
        {"pattern": name, "n": len(pairs), "start": ratio(a for a, _ in pairs), "champion": ratio(b for _, b in pairs)}
        for name, pairs in groups.items()
    ]
    return sorted(rows, key=lambda row: (-int(row["n"]), str(row["pattern"])))


def tree(board: Board) -> list[dict[str, Any]]:
    """Every candidate with its parent, its moves and what it scored."""
    return [
        {
            "name": name,
            "parent": candidate.parent,
            "round": candidate.round,
            "n": len(board.tallies(name)),
            "score": figure(board.tallies(name)),
            "moves": [{"kind": move.kind, "reason": move.reason} for move in candidate.moves],
        }
        for name, candidate in board.candidates.items()
    ]


def flips(gate: GateResult | None, *, fixed: bool) -> list[dict[str, Any]]:
    """Sealed examples that went from wrong to right, or from right to wrong."""
    if gate is None:
        return []
    after = {outcome.example.id: outcome for outcome in gate.champion}
    pairs = [(old, after[old.example.id]) for old in gate.start if old.example.id in after]
    kept = [(old, new) for old, new in pairs if (new.right and not old.right if fixed else old.right and not new.right)]
    return [quote(old.example, old, new) for old, new in kept[:MAX_SHOWN]]


def quote(example: Example, old: Outcome, new: Outcome) -> dict[str, Any]:
    """One example with both answers."""
    return {
        "id": example.id,
        "text": example.document.text,
        "gold": list(example.gold),
        "start": list(old.answers),
        "champion": list(new.answers),
        "error": old.error or new.error,
    }


def score_report(metric: Metric, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The report of `apo eval`: figure, interval, by pattern, what is missing and what cannot be read."""
    tallies = {outcome.example.id: outcome.tally for outcome in outcomes if outcome.tally is not None}
    answers, constant = constant_baseline(metric, [outcome.example.document for outcome in outcomes])
    groups: dict[str, list[Tally]] = {}
    for outcome in outcomes:
        if outcome.tally is not None:
            groups.setdefault(outcome.example.pattern, []).append(outcome.tally)
    scored = figure(tallies)
    return {
        "metric": metric.name,
        "score": scored,
        "missing": len(outcomes) - len(tallies),
        "unreadable": sum(outcome.error == "parse" for outcome in outcomes),
        "constant": {
            "answers": list(answers),
            "score": constant,
            "warning": bool(scored and constant >= scored["value"]),
        },
        "patterns": [
            {"pattern": name, "n": len(group), "score": ratio(group)} for name, group in sorted(groups.items())
        ],
    }


def interval_text(interval: Interval | Mapping[str, Any]) -> str:
    """A figure with interval and n, for people."""
    value = asdict(interval) if isinstance(interval, Interval) else interval
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}] n={value['n']}"
