"""The release gate: one paired test on sealed examples that no step of the search has seen, and a ledger of looks.

The search may fool itself; the gate may not. Each different question put to the same sealed file is a look, written
down before it is asked. Look k gets alpha / 2^k, so that over any number of looks the chance to release a prompt that
is no better stays below alpha. Asking the same question again is not a new look.

    look = charge_look(ledger, question_key(...), clock)
    verdict = decide(start_outcomes, champion_outcomes, kind="f1", alpha=alpha_of(0.05, look), rng=rng)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from apo.evaluate import Outcome
from workbench.errors import DataError
from workbench.jsonl import append_jsonl, read_tolerant
from workbench.locking import locked
from workbench.metrics import Kind
from workbench.stats import (
    Interval,
    Sample,
    bootstrap_interval,
    minimum_detectable_effect,
    paired_gain,
    paired_sd,
    paired_test,
)

MAX_MISSING_SHARE = 0.1
"""With more of the sealed examples unanswered on either side, there is no verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sealed file says of a challenger."""

    passed: bool
    p: float
    """One-sided: how often chance alone would gain as much."""
    alpha: float
    """What `p` had to stay at or below."""
    gain: Interval
    """Two-sided, at confidence 1 - 2 alpha: its lower end is above 0 about when the test passes."""
    start: Interval
    champion: Interval
    fixes: int
    """Examples that were wrong and are right."""
    breaks: int
    """Examples that were right and are wrong."""
    missing: int
    """Examples left out because a call failed."""
    detectable: float
    """Smallest true gain that this file shows four times in five."""


def alpha_of(alpha: float, look: int) -> float:
    """The share of alpha for a look, counted from 1."""
    return float(alpha / 2**look)


def question_key(start: str, challenger: str, model: str) -> str:
    """Name of a question: these two prompts (SHA-256 each) on this model."""
    return hashlib.sha256(f"{start}\n{challenger}\n{model}".encode()).hexdigest()


def ledger_path(sealed: Path) -> Path:
    """The ledger lies beside the sealed file it is about."""
    return sealed.with_name(f"{sealed.stem}.looks.jsonl")


def charge_look(ledger: Path, sealed_sha256: str, key: str, clock: Callable[[], float]) -> int:
    """Record a look before it is taken and return its number, from 1; a question asked before keeps its number."""
    with locked(ledger):
        looks = [look for look in read_tolerant(ledger) if look.get("sealed_sha256") == sealed_sha256]
        for number, look in enumerate(looks, 1):
            if look.get("question") == key:
                return number
        moment = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
        append_jsonl(ledger, {"sealed_sha256": sealed_sha256, "question": key, "time": moment})
        return len(looks) + 1


def decide(
    start: Sequence[Outcome],
    champion: Sequence[Outcome],
    *,
    kind: Kind,
    alpha: float,
    rng: np.random.Generator,
) -> Verdict:
    """Compare two prompts on the same sealed examples.

    Args:
        start: outcomes of the prompt in use.
        champion: outcomes of the challenger.
        kind: of the metric; 0/1 scores get exact McNemar, everything else the sign-flip test.
        alpha: for this look.
        rng: for resampling.

    Raises:
        DataError: too many calls failed for a verdict.
    """
    after = {outcome.example.id: outcome for outcome in champion}
    pairs = [(old, after[old.example.id]) for old in start if old.example.id in after]
    scored = [(old, new) for old, new in pairs if old.tally is not None and new.tally is not None]
    total = max(len(start), len(champion))
    missing = total - len(scored)
    if not scored or missing > MAX_MISSING_SHARE * total:
        raise DataError(
            f"{missing} of {total} sealed examples have no answer because calls failed; no verdict is given,"
            " resume the run when the model answers again"
        )
    a = Sample.of([old.tally for old, _ in scored if old.tally is not None])
    b = Sample.of([new.tally for _, new in scored if new.tally is not None])
    p = paired_test(a, b, kind=kind, rng=rng)
    return Verdict(
        passed=p <= alpha and b.ratio > a.ratio,
        p=p,
        alpha=alpha,
        gain=paired_gain(a, b, rng=rng, confidence=1 - 2 * alpha),
        start=bootstrap_interval(a.num, a.den, rng=rng),
        champion=bootstrap_interval(b.num, b.den, rng=rng),
        fixes=sum(new.right and not old.right for old, new in scored),
        breaks=sum(old.right and not new.right for old, new in scored),
        missing=missing,
        detectable=minimum_detectable_effect(paired_sd(a, b), a.n, alpha=alpha),
    )
