"""The head of the page: released or not, why, and the one picture behind it.

A run that tested nothing looks like neither answer: no colour, no figure, only the reason.
"""

from __future__ import annotations

from apo.svg import Markup, element, interval_plot
from apo.terminal import CAVEAT, Report, describe_warning, was_tested


def verdict_header(report: Report) -> Markup:
    """Yes or no within a second, then the one sentence and the one picture behind it."""
    verdict = report["verdict"]
    tested = was_tested(verdict)
    class_ = "yes" if verdict["passed"] else "no" if tested else "open"
    mark = {"yes": "✓", "no": "✕", "open": "–"}[class_]
    reason = verdict["reason"][:1].upper() + verdict["reason"][1:]
    sentence = reason if not tested else _sentence(verdict)
    warning = describe_warning(report["constant"])
    return element(
        "header",
        element("p", f"{report['task']} · {report['model']} · {report['metric']}", class_="eyebrow"),
        element("h1", element("span", mark, class_="mark"), verdict_word(verdict).capitalize()),
        element("p", sentence, class_="lead"),
        interval_plot(verdict["gain"]) if tested else None,
        element("p", warning, class_="warning", role="alert") if warning else None,
        element("p", CAVEAT, class_="muted") if report["model"] == "embedded" else None,
        class_=f"verdict {class_}",
    )


def verdict_word(verdict: Report) -> str:
    """The verdict in a word or two."""
    return "released" if verdict["passed"] else "not released"


def _sentence(verdict: Report) -> str:
    gain = verdict["gain"]
    sign = "≤" if verdict["p"] <= verdict["alpha"] else ">"
    return (
        f"On {gain['n']} sealed examples that no step of the search has seen, the champion scores"
        f" {abs(gain['value']):.3f} {'below' if gain['value'] < 0 else 'above'} the start"
        f" (p = {verdict['p']:.4f} {sign} {verdict['alpha']:.4g})."
    )
