"""The verbs of `apo`: parse, call, print; nothing else."""

from __future__ import annotations

import typer

app = typer.Typer()
