"""The verb `reer facts`: parse, call, print; nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reer.options import Json, Writer, run, warn_of_copies, writing
from workbench import console
from workbench.errors import UsageError

if TYPE_CHECKING:
    from reer.fact_file import FactFile
    from reer.pairs import Pair

app = typer.Typer()


@app.command(epilog="Example: reer facts examples/oral-bank/pairs.jsonl --out runs/facts.jsonl")
def facts(
    pairs: Annotated[Path, typer.Argument(help="Question-reply pairs (JSONL).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the facts (JSONL); it is added to.")],
    model: Writer = None,
    api_base: Annotated[
        str | None, typer.Option("--api-base", help="Address of the writer's server.", envvar="REER_WRITER_API_BASE")
    ] = None,
    extractive: Annotated[
        bool, typer.Option("--extractive", help="Take sentences as they were said; the default without --model.")
    ] = False,
    traces: Annotated[
        Path | None, typer.Option(help="Run of `reer trace`: the writer sees its traces.", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only the first N pairs.")] = None,
    as_json: Json = False,
) -> None:
    """Write what replies state as facts: kind, values, the words they rest on, and who said them when.

    Without a model the sentences are taken as they were said. With --model a model words them, and a fact that code
    cannot stand behind is refused. The same command goes on where it was stopped. Exit 1 when no fact stands.
    """
    from reer.fact_file import FactFile, records_by_code, report_of
    from reer.pairs import load_pairs
    from reer.trace_record import read_traces

    writer = None if extractive else model
    if traces and writer is None:
        raise UsageError("--traces are for a model that writes; name it with --model")
    told = read_traces(traces) if traces else {}
    loaded = load_pairs(pairs)
    warn_of_copies(loaded)
    asked = loaded.pairs[:limit]
    file = FactFile.open(out, asked, by="code" if writer is None else "model", writer=writer)
    left = file.left(asked)
    if writer is None:
        for pair in left:
            file.add(pair, records_by_code(pair))
        refused = None
    else:
        refused = _write(file, left, told, (writer, api_base))
    report = report_of(file, asked, refused)
    console.print_json(report) if as_json else console.print_text(_format(report))
    if not report["facts"]:
        raise typer.Exit(1)


def _write(
    file: FactFile, pairs: Sequence[Pair], traces: Mapping[str, str], model: tuple[str, str | None]
) -> Mapping[str, int]:
    """Let a model write; says why what is refused is."""
    from reer.fact_file import write_by_model
    from reer.summary import Summarizer

    async def work() -> Mapping[str, int]:
        async with writing(*model) as road:
            with console.progress(len(pairs), "pairs") as ticker:

                def tell(done: int) -> None:
                    ticker.advance(done, note=f"{len(file.lines)} facts")

                return await write_by_model(file, pairs, Summarizer(road), traces, tell)

    return run(work)


def _format(report: Mapping[str, Any]) -> str:
    """The report as text for people."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["kinds"].items())
    lines = [f"{report['out']}: {report['facts']} facts from {report['pairs_with_facts']} of {report['pairs']} pairs"]
    lines += [f"kinds: {kinds}"] if kinds else []
    if report["refused"]:
        lines.append("refused: " + ", ".join(f"{count} {reason}" for reason, count in report["refused"].items()))
    return "\n".join(lines)
