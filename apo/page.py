"""The report of a run as one HTML page: no script, nothing loaded from elsewhere, light and dark, readable on a phone.

    path.write_text(render_page(report), encoding="utf-8")

Prompts, answers and headlines are hostile input: every piece of text goes through `apo.svg.element`, which escapes it.
"""

from __future__ import annotations

from apo.page_diff import diff_section
from apo.page_examples import examples_section
from apo.page_parts import fact_list, section
from apo.page_scores import patterns_section, scores_section
from apo.page_search import search_section
from apo.page_style import CSS
from apo.page_verdict import verdict_header, verdict_word
from apo.svg import PICTURE_CSS, Markup, element
from apo.terminal import Report, describe_cost


def render_page(report: Report) -> str:
    """The whole page."""
    title = f"{report['task']}: {verdict_word(report['verdict'])}"
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        Markup(f"<style>{CSS}{PICTURE_CSS}</style>"),
    )
    body = element(
        "body",
        element(
            "main",
            verdict_header(report),
            scores_section(report),
            diff_section(report["diff"]),
            patterns_section(report["patterns"]),
            search_section(report),
            examples_section(report),
            _run(report),
        ),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _run(report: Report) -> Markup:
    calls = report["calls"]
    return section(
        "Calls and cost",
        fact_list(
            ("calls", f"{calls['calls']:,}"),
            ("answered from the store", f"{calls['cached']:,}"),
            ("failed", f"{calls['failed']:,}"),
            ("tokens in", f"{calls['prompt_tokens']:,}"),
            ("tokens out", f"{calls['completion_tokens']:,}"),
            ("cost", describe_cost(calls["cost_usd"])),
            ("model", report["model"]),
            ("seed", report["seed"]),
        ),
        element("p", "Champion's SHA-256: ", element("code", report["champion"]["sha256"]), class_="muted"),
    )
