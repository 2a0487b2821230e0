"""What `reer` reports, as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {"none": "no book", "wrong": "a wrong article", "transcripts": "retrieved transcripts", "manual": "the manual"}

TRUST = ("article", "tier", "last check", "by", "changed since", "status", "look again from")


def trust_row(record: Mapping[str, Any]) -> list[str | None]:
    """How far an article may be trusted, as a row under `TRUST`."""
    again = record["stale_after"] and record["stale_after"][:10] + (" (passed)" if record["stale"] else "")
    checked = record["checked_at"] and record["checked_at"][:10]
    changed = "yes" if record["changed_since"] else "no" if checked else None
    status = record["status"]
    return [record["category"], record["tier"], checked, record["checked_by"], changed, status, again]


def format_exam(report: Mapping[str, Any]) -> str:
    """Loss on every rung, what the manual saves over each, and the answer key where there is one."""
    lines = [f"{report['pairs']} replies; nats per token, lower is better", f"{'':<28}{'reply':<28}slots"]
    for rung, figures in report["rungs"].items():
        lines.append(f"{NAMES[rung]:<28}{_plain(figures['nll']):<28}{_plain(figures['slot_nll'])}")
    lines += ["", f"{'the manual saves':<28}{'reply':<28}slots"]
    for over, figures in report["gains"].items():
        name = f"over {NAMES[over.removeprefix('over_')]}"
        lines.append(f"{name:<28}{_share(figures['nll']):<28}{_share(figures['slot_nll'])}")
    if key := report.get("key"):
        lines += ["", f"{100 * key['recalled']:.1f} % of {key['facts']} facts recalled"]
        lines.append(f"outdated facts stated: {', '.join(key['outdated']) or 'none'}")
    return "\n".join(lines)


def _plain(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "none to score"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _share(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "none to score"
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
