"""What `reer lint` found, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reer.lint import Finding, Report
from reer.plain import without_controls


def format_report(report: Report, *, with_pairs: bool) -> str:
    """A line for each finding, as `file:line rule claim message [digits]`, and one that sums up."""
    lines = [_format(finding) for finding in report.findings]
    n = len(report.findings)
    total = f"{n} finding{'' if n == 1 else 's'} in {report.articles} articles with {report.claims} claims"
    if report.accepted:
        total += f", {len(report.accepted)} accepted"
    if not with_pairs:
        total += "; sources were not compared with what was said, which --pairs does"
    return without_controls("\n".join([*lines, *([""] if lines else []), total]))


def report_json(report: Report, rules: Mapping[str, str]) -> dict[str, Any]:
    """The findings with all that is known of them, and what each rule looks for."""
    return {
        "articles": report.articles,
        "claims": report.claims,
        "findings": [_record(finding) for finding in report.findings],
        "accepted": [_record(finding) for finding in report.accepted],
        "rules": dict(rules),
    }


def _format(finding: Finding) -> str:
    about = "+".join(finding.claims) or "page"
    digits = finding.key.rpartition(":")[2]
    return f"{finding.path}:{finding.line} {finding.rule} {about} {' '.join(finding.message.split())} [{digits}]"


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "article": finding.article,
        "file": str(finding.path),
        "line": finding.line,
        "claims": list(finding.claims),
        "message": finding.message,
        "key": finding.key,
    }
