"""What `reer` reports, as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.stats import Interval

NAMES = {
    "none": "no book",
    "wrong": "a wrong article",
    "rote": "matching by rote",
    "transcripts": "retrieved transcripts",
    "first": "the first draft",
    "manual": "the manual",
    "key": "the answer key",
}

TRUST = ("article", "tier", "last check", "by", "changed since", "status", "look again from")


def trust_row(record: Mapping[str, Any]) -> list[str | None]:
    """How far an article may be trusted, as a row under `TRUST`."""
    again = record["stale_after"] and record["stale_after"][:10] + (" (passed)" if record["stale"] else "")
    checked = record["checked_at"] and record["checked_at"][:10]
    changed = "yes" if record["changed_since"] else "no" if checked else None
    status = record["status"]
    return [record["category"], record["tier"], checked, record["checked_by"], changed, status, again]


def format_change(interval: Interval | None) -> str | None:
    """A change with its sign and its interval; None when it was not measured."""
    return None if interval is None else f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def format_exam(report: Mapping[str, Any]) -> str:
    """Loss on every rung, what the manual saves over each, answers and the answer key where there are some."""
    lines = [f"{report['pairs']} replies; nats per token, lower is better", _line("", "reply", "slots", "tokens")]
    for rung, figures in report["rungs"].items():
        lines.append(_line(NAMES[rung], _plain(figures["nll"]), _plain(figures["slot_nll"]), figures["tokens"]))
    lines += ["", _line("the manual saves", "reply", "slots")]
    for over, figures in report["gains"].items():
        lines.append(_line(f"over {NAMES[over[5:]]}", _share(figures["nll"]), _share(figures["slot_nll"])))
    if any("similarity" in figures for figures in report["rungs"].values()):
        lines += ["", *_answer_lines(report)]
    if rote := report.get("rote"):
        counts = ", ".join(f"{count} {how}" for how, count in rote.items())
        lines += ["", f"questions matched by rote: {counts}"]
    if key := report.get("key"):
        lines += ["", f"{100 * key['recalled']:.1f} % of {key['facts']} facts recalled"]
        lines.append(f"outdated facts stated: {', '.join(key['outdated']) or 'none'}")
    return "\n".join(lines)


def _answer_lines(report: Mapping[str, Any]) -> list[str]:
    """Answers with each book, against the expert's."""
    lines = [_line("answers", "similarity", "chrF  cosine", "slots right, wrong, missing")]
    for rung, figures in report["rungs"].items():
        slots = figures["slots"]
        said = f"{slots['right']}, {slots['wrong']}, {slots['missing']}"
        lines.append(
            _line(NAMES[rung], _plain(figures["similarity"]), f"{figures['chrf']:.3f} {figures['cosine']:.3f}", said)
        )
    return lines


def _line(name: str, first: str, second: str, last: object = "") -> str:
    return f"{name:<28}{first:<26}{second:<26}{last}".rstrip()


def _plain(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "none to score"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _share(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "none to score"
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
