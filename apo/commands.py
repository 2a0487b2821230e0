"""The verbs of `apo`: parse, call, print; nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import console

if TYPE_CHECKING:
    from apo.search import Event
    from apo.task import Task

app = typer.Typer()

TaskPath = Annotated[Path, typer.Argument(help="The task file (TOML).", show_default=False)]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="embedded, gguf:PATH, hf:ID, or provider/model.", envvar="APO_MODEL")
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="Address of the model's server.", envvar="APO_API_BASE")
]
Workers = Annotated[int | None, typer.Option("--workers", help="Calls at once.", envvar="APO_WORKERS")]
MaxCalls = Annotated[int | None, typer.Option(help="Most calls, retries included.", envvar="APO_MAX_CALLS")]
MaxTokens = Annotated[int | None, typer.Option(help="Most tokens, prompts and answers.", envvar="APO_MAX_TOKENS")]
MaxCost = Annotated[float | None, typer.Option(help="Most US dollars; needs a model of known price.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Any setting of the task file: key=value.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]


@app.command(
    epilog="Example: apo optimize examples/headlines/task.toml --out runs/headlines --max-calls 1200",
)
def optimize(
    task: TaskPath,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder; default runs/NAME.")] = None,
    model: Model = None,
    api_base: ApiBase = None,
    workers: Workers = None,
    reflect_model: Annotated[str | None, typer.Option(help="A capable model that proposes edits.")] = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the search.")] = None,
    settings: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run; a finished one prints its report.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print plan, calls and cost bound; ask no model.")] = False,
    as_json: Json = False,
) -> None:
    """Search for a better prompt, and release it only if a sealed test confirms it.

    Exit 0: released. Exit 1: not released, the draft is kept. Exit 2: could not do it. Ctrl-C: go on with --resume.
    """
    from apo.optimize import run_task
    from apo.plan import describe_plan, format_plan
    from apo.task import load_task

    flags = {
        "model.name": model,
        "model.api_base": api_base,
        "model.slots": workers,
        "search.reflect_model": reflect_model,
        "budget.max_calls": max_calls,
        "budget.max_tokens": max_tokens,
        "budget.max_cost_usd": max_cost,
        "search.seed": seed,
    }
    loaded = load_task(task, overrides=_overrides(settings, flags))
    if dry_run:
        plan = describe_plan(loaded)
        console.print_json(plan) if as_json else console.print_text(format_plan(plan))
        return
    folder = out or Path("runs") / loaded.file.name
    with _watch(loaded) as observe:
        report = run_task(loaded, folder, resume=resume, clock=time.time, observe=observe)
    _print_report(report, folder, as_json)
    if not report["verdict"]["passed"]:
        raise typer.Exit(1)


@app.command(
    name="eval", epilog="Example: apo eval examples/headlines/task.toml --prompt runs/headlines/champion.md --limit 45"
)
def evaluate(
    task: TaskPath,
    prompt: Annotated[Path | None, typer.Option(help="A prompt file; default: the task's.")] = None,
    data: Annotated[Path | None, typer.Option(help="Score on this file instead of the dev batches.")] = None,
    model: Model = None,
    api_base: ApiBase = None,
    workers: Workers = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only the first N examples.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Ask N times, and say how many answers changed.")] = 1,
    max_calls: MaxCalls = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Score a prompt on the dev batches, with its interval. The sealed file is for `optimize` alone."""
    from apo.scoring import evaluate_prompt, format_scores
    from apo.task import load_task
    from workbench.errors import UsageError

    flags = {
        "model.name": model,
        "model.api_base": api_base,
        "model.slots": workers,
        "budget.max_calls": max_calls,
    }
    loaded = load_task(task, overrides=_overrides(settings, flags))
    sealed = task.parent / loaded.file.sealed if loaded.file.sealed else None
    if data and sealed and data.resolve() == sealed.resolve():
        raise UsageError(f"{data} is the sealed file; only `apo optimize` looks at it, and counts its looks")
    scores = evaluate_prompt(loaded, prompt, data, limit=limit, repeats=repeats, progress=console.progress)
    console.print_json(scores) if as_json else console.print_text(format_scores(scores))


@app.command(epilog="Example: apo diff examples/headlines/prompt.md runs/headlines/champion.md")
def diff(
    before: Annotated[Path, typer.Argument(help="A prompt file.", show_default=False)],
    after: Annotated[Path, typer.Argument(help="Another.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what changed between two prompt files, rule by rule. Exit 1 when something did."""
    from dataclasses import asdict

    from workbench.promptdiff import diff_prompts, format_diff
    from workbench.prompts import load_prompt

    changes = diff_prompts(load_prompt(before), load_prompt(after))
    if as_json:
        console.print_json({"changes": [asdict(change) for change in changes]})
    else:
        console.print_text(format_diff(changes) if changes else "no difference")
    if changes:
        raise typer.Exit(1)


@app.command(epilog="Example: apo report runs/headlines --json | jq .verdict")
def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Print the report of a finished run again. Exit 1 when its prompt was not released."""
    from apo.optimize import read_report

    found = read_report(run)
    _print_report(found, run, as_json)
    if not found["verdict"]["passed"]:
        raise typer.Exit(1)


def _overrides(settings: list[str] | None, flags: dict[str, Any]) -> list[str]:
    """Flags as settings; flags win over `--set`."""
    return [*(settings or []), *(f"{key}={value}" for key, value in flags.items() if value is not None)]


def _print_report(report: dict[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        console.print_json({**report, "run": str(folder)})
        return
    from apo.optimize import POOL
    from apo.terminal import format_report

    console.print_text(format_report(report))
    name = "champion.md" if report["verdict"]["passed"] else "draft.md"
    if (folder / POOL).exists():
        console.say(f"the prompt retrieves demos from {folder / POOL}: ship both, or set search.retrieval=[]")
    console.say(f"prompt {folder / name}, page {folder / 'report.html'}")


def _watch(task: Task) -> Any:
    """Progress with the time left, and a line for each round."""
    from contextlib import contextmanager

    from apo.optimize import plan_costs

    @contextmanager
    def watch() -> Any:
        with console.progress(plan_costs(task).total, "calls") as ticker:

            def observe(event: Event) -> None:
                if event.kind == "call":
                    ticker.advance()
                elif event.kind == "round":
                    fields = event.fields
                    score = "unknown" if fields["score"] is None else f"{fields['score']:.3f}"
                    note = f"round {fields['round']}: champion {fields['champion']} at {score} on dev"
                    ticker.advance(0, note=note)
                elif event.kind == "trial":
                    fields = event.fields
                    console.detail(f"{fields['candidate']} at {fields['score']} after {fields['n']} examples")
                elif event.kind == "gate":
                    ticker.advance(0, note=f"sealed test, look {event.fields['look']}")

            yield observe

    return watch()
