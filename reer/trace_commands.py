"""The verb `reer trace`: parse, call, print; nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reer.options import Json, run, scoring, warn_of_copies
from workbench import console

if TYPE_CHECKING:
    from reer.pairs import Pair

app = typer.Typer()


@app.command(epilog="Example: reer trace examples/oral-bank/pairs.jsonl --out runs/traces --limit 12")
def trace(
    pairs: Annotated[Path, typer.Argument(help="Question-reply pairs (JSONL).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.")],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="Writes: embedded, gguf:PATH, hf:ID, or provider/model.", envvar="REER_WRITER"
        ),
    ] = "embedded",
    api_base: Annotated[
        str | None, typer.Option("--api-base", help="Address of the writer's server.", envvar="REER_WRITER_API_BASE")
    ] = None,
    scorer: Annotated[
        str, typer.Option(help="Scores replies: embedded, hf:ID, or provider/model.", envvar="REER_MODEL")
    ] = "embedded",
    scorer_api_base: Annotated[
        str | None, typer.Option(help="Address of the scorer's server.", envvar="REER_API_BASE")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only the first N pairs.")] = None,
    steps: Annotated[int, typer.Option(min=0, help="Segments of a trace that are written anew, at most.")] = 10,
    expansion: Annotated[int, typer.Option(min=1, help="Versions of a segment that are asked for.")] = 2,
    stop: Annotated[float, typer.Option(min=0, help="Clipped loss (nats per token) that is good enough.")] = 0.25,
    max_overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a reply's 4-grams that may return in its trace.")
    ] = 0.3,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Most calls of the writer, retries included.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is written, and of the intervals.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run; a finished one prints its report.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search the reasoning that leads from question to reply: that which makes the reply more likely.

    What counts is the gain on other replies of the same category, above that on other categories'.

    Pairs that name no category have the one that categories.toml beside them gives, where there is one.

    Exit 1 when no trace has any. A run that was stopped goes on with --resume.
    """
    from reer.pairs import load_pairs
    from reer.trace_report import format_report
    from reer.trace_run import TRACES, Job, finished_report
    from reer.traces import Plan

    loaded = load_pairs(pairs)
    warn_of_copies(loaded)
    plan = Plan(steps, expansion, stop, max_overlap, seed)
    members, files = _categorized(loaded.pairs, pairs.with_name("categories.toml"))
    job = Job(pairs, members, model, scorer, plan, limit=limit, max_calls=max_calls, categories=files)
    report = finished_report(job, out, time.time) if resume else None
    if report is None:
        report = run(lambda: _search(job, out, api_base, scorer_api_base, resume=resume))
    if as_json:
        console.print_json({**report, "run": str(out)})
    else:
        console.print_text(format_report(report))
        console.say(f"traces {out / TRACES}")
    if not report["useful"]:
        raise typer.Exit(1)


def _categorized(pairs: tuple[Pair, ...], path: Path) -> tuple[tuple[Pair, ...], tuple[Path, ...]]:
    """Pairs with the categories that lie beside them, and the files that were read for it."""
    from reer.assignments import NAME, with_categories

    if not path.exists() or all(pair.category is not None for pair in pairs):
        return pairs, ()
    return with_categories(pairs, path), (path, path.with_name(NAME))


async def _search(job: Any, out: Path, api_base: str | None, scorer_api_base: str | None, *, resume: bool) -> Any:
    """Open the models first, so that one that is not there leaves no folder behind."""
    from lm.open import check_reachable, open_engine
    from reer.trace_run import Tools, trace_pairs

    engine = open_engine(job.writer, api_base=api_base)
    try:
        check_reachable(engine)
        async with scoring(job.scorer, scorer_api_base) as scorer:
            return await trace_pairs(job, out, Tools(engine, scorer, time.time, console.progress), resume=resume)
    finally:
        await engine.aclose()
