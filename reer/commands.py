"""The verbs of `reer`: parse, call, print; nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from reer.options import ApiBase, Json, Model, run, scoring
from reer.trace_commands import trace
from workbench import console

app = typer.Typer()


@app.command(
    name="build-manual",
    epilog="Example: reer build-manual examples/oral-bank/pairs.jsonl --out manuals/oral-bank",
)
def build(
    pairs: Annotated[Path, typer.Argument(help="Question-reply pairs (JSONL).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the manual.")],
    categories: Annotated[
        Path | None, typer.Option(help="Chapters (TOML); default: categories.toml beside the pairs.")
    ] = None,
    budget: Annotated[int, typer.Option(min=50, help="Tokens that the claims of one article may take.")] = 450,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Write a manual from recorded replies: per category the facts that help most with other customers.

    A build that was stopped goes on where it was when the same command is given again.
    """
    from lm.encoder import Encoder
    from reer.build import Tools, build_manual
    from reer.categories import check_categories, load_categories
    from reer.pairs import load_pairs

    loaded = load_pairs(pairs)
    chapters = load_categories(categories or pairs.with_name("categories.toml"))
    check_categories(loaded.pairs, chapters, pairs)
    if loaded.repeated:
        console.warn(
            f"{len(loaded.repeated)} pairs repeat earlier ones and are left out, the first {loaded.repeated[0]!r}"
        )

    async def work() -> dict[str, Any]:
        async with scoring(model, api_base) as scorer:
            with console.progress(len({pair.category for pair in loaded.pairs}), "articles") as ticker:
                return await build_manual(
                    loaded.pairs,
                    chapters,
                    out,
                    Tools(scorer, Encoder().encode, time.time),
                    budget=budget,
                    on_article=lambda slug: ticker.advance(note=f"{slug} written"),
                )

    report = run(work)
    if as_json:
        console.print_json(report)
        return
    columns = ("category", "pairs", "claims", "ended", "tokens", "refused", "crowded")
    rows = [[row[column] for column in columns] for row in report["articles"]]
    console.print_table(columns, rows, title=f"manual {report['manual']}")


@app.command(
    epilog="Example: reer exam manuals/oral-bank examples/oral-bank/test.jsonl --key examples/oral-bank/key.jsonl"
)
def exam(
    manual: Annotated[Path, typer.Argument(help="Folder of the manual.", show_default=False)],
    pairs: Annotated[Path, typer.Argument(help="Pairs of calls that the manual has not seen.", show_default=False)],
    transcripts: Annotated[
        Path | None, typer.Option(help="Pairs that a retriever shows instead of the manual.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="An answer key (JSONL), to count the facts that are recalled.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Measure how much the manual helps with replies to other customers. Exit 1 when it does not."""
    import numpy as np

    from reer.exam import sit_exam
    from reer.pairs import load_pairs
    from reer.recall import check_key
    from reer.shelf import load_manual
    from reer.tables import format_exam

    articles = load_manual(manual)
    loaded = load_pairs(pairs).pairs
    shelf = load_pairs(transcripts).pairs if transcripts else ()

    async def work() -> dict[str, Any]:
        async with scoring(model, api_base) as scorer:
            return await sit_exam(articles, loaded, scorer, transcripts=shelf, rng=np.random.default_rng(seed))

    report = run(work)
    if key:
        report["key"] = check_key(articles, key)
    console.print_json(report) if as_json else console.print_text(format_exam(report))
    if report["gains"]["over_wrong"]["nll"]["low"] <= 0:
        raise typer.Exit(1)


app.command(epilog="Example: reer trace examples/oral-bank/pairs.jsonl --out runs/traces --limit 12")(trace)
