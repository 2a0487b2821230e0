"""A line of `traces.jsonl`: the trace of a pair, what it is worth, and how it came about; or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lm.scores import Score, Scorer, gain
from reer.pairs import Pair
from reer.soundness import overlap
from reer.traces import Found, Refused
from reer.transfer import Others, Witness, transfer
from workbench.errors import DataError
from workbench.jsonl import read_jsonl

TRACES = "traces.jsonl"
"""The file of all of them in a run folder."""
SKIPPED = ("short-reply", "does-not-fit")
"""Reasons that say nothing about a trace."""


async def to_record(pair: Pair, outcome: Found | Refused, scorer: Scorer, others: Others) -> dict[str, Any]:
    """The line of a pair; a trace is scored on replies to others, too."""
    record: dict[str, Any] = {"id": pair.id, "conversation": pair.conversation, "category": pair.category}
    if isinstance(outcome, Refused):
        status = "skipped" if outcome.reason in SKIPPED else "rejected"
        return {
            **record,
            "status": status,
            "reason": outcome.reason,
            "detail": outcome.detail,
            "trace": None,
            "drafts": [asdict(draft) for draft in outcome.drafts],
            "path": [],
            "calls": outcome.calls,
        }
    trace = "".join(outcome.segments)
    near, far = others.near(pair), others.far(pair)
    witnesses = await transfer(scorer, trace, near)
    elsewhere = await transfer(scorer, trace, far)
    return {
        **record,
        "status": "found",
        "reason": None,
        "trace": trace,
        "segments": list(outcome.segments),
        "loss": {
            "without": _losses(outcome.without),
            "first": _losses(outcome.first),
            "last": _losses(outcome.last),
        },
        "gain_first": gain(outcome.first, outcome.without),
        "gain": gain(outcome.last, outcome.without),
        "transfer": _mean(witnesses),
        "witnesses": [asdict(witness) for witness in witnesses],
        "no_transfer": None if witnesses else _why(pair, near),
        "elsewhere": _mean(elsewhere),
        "overlap": overlap(trace, pair.y),
        "drafts": [asdict(draft) for draft in outcome.drafts],
        "path": [asdict(step) for step in outcome.path],
        "stop": outcome.stop,
        "calls": outcome.calls,
    }


def _losses(score: Score) -> dict[str, float]:
    return {"nll": score.nll, "clipped_nll": score.clipped_nll}


def _mean(witnesses: Sequence[Witness]) -> float | None:
    return math.fsum(witness.gain for witness in witnesses) / len(witnesses) if witnesses else None


def _why(pair: Pair, others: Sequence[Pair]) -> str:
    if pair.category is None:
        return "the pair has no category"
    return "the trace and another pair do not fit into the model" if others else "its category has one conversation"


def read_traces(path: Path) -> dict[str, str]:
    """The traces that were found, by id of their pair.

    Args:
        path: a run folder, or a file such as its `traces.jsonl`.

    Raises:
        DataError: there is no such file, a line is not that of a trace, or a pair has two.
    """
    file = path / TRACES if path.is_dir() else path
    traces: dict[str, str] = {}
    for number, record in read_jsonl(file):
        id_, trace = record.get("id"), record.get("trace")
        if not isinstance(id_, str) or not isinstance(trace, str | None) or "trace" not in record:
            raise DataError(
                "is no trace: it needs 'id' and 'trace'; give the run of `reer trace`", path=file, line=number
            )
        if id_ in traces:
            raise DataError(f"pair {id_!r} has a trace already; leave one of them", path=file, line=number)
        if trace is not None:
            traces[id_] = trace
    return traces
