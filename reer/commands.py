"""The verbs of `reer`: parse, call, print; nothing else. Each group of verbs has a file of its own."""

from __future__ import annotations

import typer

from reer import (
    build_commands,
    category_commands,
    exam_commands,
    facts_commands,
    git_commands,
    lint_commands,
    reading_commands,
    refine_commands,
    trace_commands,
)

app = typer.Typer()
for group in (
    category_commands,
    trace_commands,
    facts_commands,
    build_commands,
    refine_commands,
    exam_commands,
    reading_commands,
    lint_commands,
    git_commands,
):
    app.add_typer(group.app)
