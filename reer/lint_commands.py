"""The verb `reer lint`: parse, call, print; nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from reer.options import Json
from workbench import console
from workbench.errors import UsageError

app = typer.Typer()

_RULES = (
    "unreadable, two-values, unit, impossible, stale, condition-lost, broken-link, orphan, duplicate, no-source,"
    " not-in-source, not-current"
)


@app.command(
    epilog="Example: reer lint manuals/oral-bank --pairs examples/oral-bank/pairs.jsonl --rule stale --rule orphan"
)
def lint(
    manual: Annotated[Path, typer.Argument(help="Folder of the manual.", show_default=False)],
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs (JSONL) that it was built from, to compare its sources with.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help=f"Run this rule only; may be given again. One of {_RULES}.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Let the finding with this key stand until its words change; may be given again."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who accepts, as human:ID.")] = None,
    as_json: Json = False,
) -> None:
    """Look for contradictions, wrong values, lost conditions and broken sources, by code alone. Exit 1 on findings.

    What is accepted is remembered in the front matter of the article, by who and when.
    """
    from reer.lint import accept as remember
    from reer.lint import lint as run_rules
    from reer.lint_book import load_book
    from reer.lint_report import format_report, report_json
    from reer.lint_rules import choose_rules, explain_rules
    from reer.pairs import load_pairs

    if by and not accept:
        raise UsageError("--by says who accepts; give --accept KEY with it")
    rules = choose_rules(rule or [])
    said = load_pairs(pairs) if pairs else None
    now = datetime.now(UTC)
    book = load_book(manual, now, said)
    report = run_rules(book, rules)
    if accept:
        chosen = remember(book, report, accept, by)
        console.say(f"{len(chosen)} accepted")
        report = run_rules(load_book(manual, now, said), rules)
    if as_json:
        explained = explain_rules()
        console.print_json(report_json(report, {name: explained[name] for name in rules}))
    else:
        console.print_text(format_report(report, with_pairs=said is not None))
    if report.findings:
        raise typer.Exit(1)
