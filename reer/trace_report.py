"""What came out of a search for traces: counts by reason, and what the traces save, with intervals over conversations.

The verdict is about other replies: a trace that only helps with its own may have copied it, and one that helps with all
alike has the tone of the house and none of its knowledge.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lm.base import Usage
from workbench.metrics import Tally
from workbench.stats import Sample, bootstrap_interval

BEST = 10
"""Traces that the report names."""

Record = Mapping[str, Any]
FIGURES: tuple[tuple[str, str, Callable[[Record], float | None]], ...] = (
    ("without", "loss without a trace", lambda record: record["loss"]["without"]["nll"]),
    ("first", "loss after the first trace", lambda record: record["loss"]["first"]["nll"]),
    ("last", "loss after the trace", lambda record: record["loss"]["last"]["nll"]),
    ("last_clipped", "the same, clipped at 2", lambda record: record["loss"]["last"]["clipped_nll"]),
    ("gain_first", "the first trace saves", lambda record: record["gain_first"]),
    ("gain", "the trace saves", lambda record: record["gain"]),
    ("transfer", "it saves on other replies", lambda record: record["transfer"]),
    ("elsewhere", "and on other categories'", lambda record: record["elsewhere"]),
    ("overlap", "overlap with the reply", lambda record: record["overlap"]),
)
"""Key, words and value of each figure of a trace; losses and savings in nats per token of the reply."""


def build_report(records: Sequence[Record], settings: Mapping[str, Any], usages: Sequence[Usage]) -> dict[str, Any]:
    """The report of a run; `usages` are those of the replies that were paid for."""
    found = [record for record in records if record["status"] == "found"]
    useful = sorted((record for record in found if is_useful(record)), key=lambda record: -record["transfer"])
    rng = np.random.default_rng(settings["seed"])
    return {
        "settings": dict(settings),
        "pairs": len(records),
        "found": len(found),
        "useful": len(useful),
        "no_transfer": sum(record["transfer"] is None for record in found),
        "rejected": _reasons(records, "rejected"),
        "skipped": _reasons(records, "skipped"),
        "stops": dict(Counter(record["stop"] for record in found)),
        "figures": {key: _figure(found, value, rng) for key, _, value in FIGURES},
        "best": [{key: record[key] for key in ("id", "category", "transfer", "gain", "overlap")} for record in useful][
            :BEST
        ],
        "calls": {
            "asked": sum(record["calls"] for record in records),
            "paid": len(usages),
            "prompt_tokens": sum(usage.prompt_tokens or 0 for usage in usages),
            "completion_tokens": sum(usage.completion_tokens or 0 for usage in usages),
            "cost_usd": _cost(usages),
        },
    }


def is_useful(record: Record) -> bool:
    """Whether a trace helps with other replies of its category, and more than with those of other categories."""
    return record["transfer"] is not None and record["transfer"] > max(0.0, record["elsewhere"] or 0.0)


def format_report(report: Mapping[str, Any]) -> str:
    """The report as text for people."""
    lines = [
        f"{report['pairs']} pairs: {report['found']} traces, {report['useful']} of them useful: they help with other"
        " replies of their category, and more than with those of other categories",
        f"rejected: {_counts(report['rejected'])}",
        f"skipped: {_counts(report['skipped'])}",
    ]
    if report["no_transfer"]:
        lines.append(f"{report['no_transfer']} traces have no other conversation of their category to be tried on")
    if report["found"]:
        lines += ["", "means over the traces, with 95 % intervals; nats per token"]
        lines += [f"{words:<28}{_plain(report['figures'][key])}" for key, words, _ in FIGURES]
    if report["best"]:
        lines += ["", "most useful"]
        lines += [
            f"{row['id']:<28}{row['transfer']:.3f} on other replies, {row['gain']:.3f} on its own, {row['category']}"
            for row in report["best"]
        ]
    return "\n".join(lines)


def render_page(report: Mapping[str, Any], records: Sequence[Record]) -> str:
    """The report and the useful traces as a page to look at; all text is escaped."""
    traces = {record["id"]: record["trace"] for record in records}
    parts = [f"<h2>{html.escape(row['id'])}</h2><pre>{html.escape(traces[row['id']])}</pre>" for row in report["best"]]
    head = '<meta charset="utf-8"><title>Traces</title><style>pre{white-space:pre-wrap}</style>'
    body = f"<h1>Traces</h1><pre>{html.escape(format_report(report))}</pre>{''.join(parts)}"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _reasons(records: Sequence[Record], status: str) -> dict[str, int]:
    return dict(Counter(record["reason"] for record in records if record["status"] == status).most_common())


def _figure(
    found: Sequence[Record], value: Callable[[Record], float | None], rng: np.random.Generator
) -> dict[str, Any] | None:
    """A mean over traces, conversations resampled; None where there is none."""
    known = [(figure, record["conversation"]) for record in found if (figure := value(record)) is not None]
    if not known:
        return None
    sample = Sample.of_groups([Tally(figure, 1) for figure, _ in known], [call for _, call in known])
    return asdict(bootstrap_interval(sample.num, sample.den, rng=rng))


def _cost(usages: Sequence[Usage]) -> float | None:
    costs = [usage.cost_usd for usage in usages]
    return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "none"


def _plain(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "not known"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}], n {interval['n']}"
