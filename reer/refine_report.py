"""What a refinement did, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reer.claim_edits import article_tokens
from reer.manual import Article
from reer.refine import Trial
from reer.tables import format_change


def report_of(before: Mapping[str, Article], after: Mapping[str, Article], trials: Sequence[Trial]) -> dict[str, Any]:
    """Accepted edits with their figures, why others were refused, and how long each article was and is."""
    return {
        "tried": len(trials),
        "accepted": [_row(trial) for trial in trials if trial.verdict.accepted],
        "refused": dict(Counter(trial.verdict.why for trial in trials if not trial.verdict.accepted)),
        "tokens": {
            name: {"before": article_tokens(article), "after": article_tokens(after[name])}
            for name, article in before.items()
        },
    }


def describe_trial(trial: Trial) -> str:
    """One trial in a line."""
    edit, verdict = trial.edit, trial.verdict
    said = "accepted" if verdict.accepted else "refused"
    words = f" {edit.text!r}" if edit.text else ""
    nll = f", NLL {format_change(verdict.nll)}" if verdict.nll else ""
    return f"{edit.category}: {said} {edit.op} {' '.join(edit.removed)}{words}: {verdict.why}{nll}"


def _row(trial: Trial) -> dict[str, Any]:
    edit, verdict = trial.edit, trial.verdict
    return {
        "article": edit.category,
        "edit": "END" if edit.until else edit.op,
        "claim": edit.text or " ".join(edit.removed),
        "why": edit.reason,
        "NLL": format_change(verdict.nll),
        "similarity": format_change(verdict.similarity),
        "pairs": len(verdict.pairs),
    }
