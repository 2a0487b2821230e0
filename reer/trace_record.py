"""A line of `traces.jsonl`: the trace of a pair, what it is worth, and how it came about; or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lm.scores import Score, Scorer, gain
from reer.pairs import Pair
from reer.soundness import overlap
from reer.traces import Found, Refused
from reer.transfer import Others, Witness, transfer

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
