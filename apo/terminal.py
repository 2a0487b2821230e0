"""The report of a run as plain text: the verdict first, then what it rests on, then what changed in the prompt.

    print_text(format_report(report))

Control characters in prompts, answers and names are replaced, so no text can steer the terminal it is shown on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from apo.report import interval_text
from workbench.promptdiff import RuleChange, format_diff

Report = Mapping[str, Any]

MAX_DEMO = 100
"""Characters of a demo that the diff shows."""
CAVEAT = "The embedded model is small; its scores say nothing about your model. Run the task on the model you will use."
STOPPED = {
    "calls": "the calls were used up",
    "ideas": "there was nothing new to try",
    "budget": "a cap of the budget was reached",
}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""All that steers a terminal or reverses text, and lone surrogates, which no file can hold; tab and newline stay."""


def format_report(report: Report) -> str:
    """Everything a person wants to know first, in at most a screen or two."""
    parts = [
        describe_verdict(report["verdict"]),
        describe_warning(report["constant"]),
        _format_scores(report),
        _format_patterns(report["patterns"]),
        f"the prompt, rule by rule\n{_indent(format_diff(changes_of(report['diff'])))}",
        _format_run(report),
        CAVEAT if report["model"] == "embedded" else "",
    ]
    return printable("\n\n".join(part for part in parts if part))


def printable(text: str) -> str:
    """The text with control characters replaced."""
    return _CONTROL.sub("\ufffd", text)


def was_tested(verdict: Report) -> bool:
    """Whether the sealed file was asked at all."""
    return "gain" in verdict


def describe_verdict(verdict: Report) -> str:
    """Yes or no, and why, in one line."""
    if not was_tested(verdict):
        return f"not released, {verdict['reason']}"
    return f"{'released' if verdict['passed'] else 'not released'}: {verdict['reason']}"


def describe_warning(constant: Report) -> str:
    """What a constant answer scores, if that is as good as the champion; else nothing."""
    if not constant["warning"]:
        return ""
    return (
        f"WARNING: the same answer everywhere ({', '.join(constant['answers']) or 'nothing'}) scores"
        f" {constant['score']:.3f}, no worse than the champion. The prompt has earned nothing yet."
    )


def describe_cost(cost_usd: float | None) -> str:
    """Money, or that it is not known."""
    return (
        "unknown" if cost_usd is None else f"${cost_usd:,.2f}" if cost_usd >= 1 or cost_usd == 0 else f"${cost_usd:.4f}"
    )


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_interval(interval: Report | None) -> str:
    """A score with interval and n; None is a prompt that was never scored."""
    return "not scored" if interval is None else interval_text(interval)


def changes_of(diff: Sequence[Mapping[str, Any]], *, shorten: bool = True) -> list[RuleChange]:
    """The prompt's changes as the report holds them; hashes and long demos are cut unless asked for whole."""
    changes = [RuleChange(**change) for change in diff]
    return [_shorten(change) for change in changes] if shorten else changes


def _shorten(change: RuleChange) -> RuleChange:
    if change.id == "parent" and change.kind == "setting":
        return _cut(change, 12)
    return _cut(change, MAX_DEMO) if change.where == "demos" else change


def _cut(change: RuleChange, length: int) -> RuleChange:
    before, after = (
        text if text is None or len(text) <= length else f"{text[: length - 1]}…"
        for text in (change.before, change.after)
    )
    return RuleChange(change.kind, change.where, change.id, before, after)


def _format_scores(report: Report) -> str:
    verdict, search = report["verdict"], report["search"]
    lines = []
    if was_tested(verdict):
        gain = verdict["gain"]
        lines = [
            f"sealed    start     {describe_interval(verdict['start'])}",
            f"          champion  {describe_interval(verdict['champion'])}",
            f"          gain     {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
            f" at {100 * gain['confidence']:.4g} %",
            f"          {verdict['fixes']} fixed, {verdict['breaks']} broken, {verdict['missing']} missing;"
            f" a true gain of {verdict['detectable']:.3f} shows four times in five",
        ]
    lines += [
        f"dev       start     {describe_interval(search['start'])}",
        f"          champion  {describe_interval(search['champion'])}   (chosen on these, so flattering)",
    ]
    return "\n".join(lines)


def _format_patterns(patterns: Sequence[Mapping[str, Any]]) -> str:
    """A table of both prompts' scores by kind of example."""
    if not patterns:
        return ""
    width = max(len("by label pattern"), *(len(row["pattern"]) for row in patterns))
    lines = [f"{'by label pattern':<{width}}  {'n':>5}  {'start':>6}  {'champion':>8}  {'change':>6}"]
    for row in patterns:
        change = row["champion"] - row["start"]
        scores = f"{row['start']:>6.3f}  {row['champion']:>8.3f}  {change:>+6.3f}"
        lines.append(f"{row['pattern']:<{width}}  {row['n']:>5}  {scores}")
    return "\n".join(lines)


def _format_run(report: Report) -> str:
    search, calls = report["search"], report["calls"]
    stopped = STOPPED.get(search["stopped"], search["stopped"])
    return (
        f"{report['task']} on {report['model']}, metric {report['metric']}, seed {report['seed']}\n"
        f"{count(search['rounds'], 'round')}, {count(search['candidates'], 'candidate')},"
        f" {count(search['dev'], 'dev example')};"
        f" stopped: {stopped}\n"
        f"{count(calls['calls'], 'call')}, {calls['cached']:,} answered from the store, {calls['failed']:,} failed;"
        f" {calls['prompt_tokens']:,} tokens in, {calls['completion_tokens']:,} out;"
        f" cost {describe_cost(calls['cost_usd'])}"
    )


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
