"""The verb of `reer` that examines a manual."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reer.options import ApiBase, Json, Model, run, scoring
from workbench import console

app = typer.Typer()


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
    categories: Annotated[
        Path | None,
        typer.Option(help="Categories (TOML) of pairs that name none; default: categories.toml beside the pairs."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Measure how much the manual helps with replies to other customers. Exit 1 when it does not."""
    import numpy as np

    from reer.assignments import with_categories
    from reer.exam import sit_exam
    from reer.pairs import load_pairs
    from reer.recall import check_key
    from reer.shelf import load_manual
    from reer.tables import format_exam

    articles = load_manual(manual)
    loaded = with_categories(load_pairs(pairs).pairs, categories or pairs.with_name("categories.toml"))
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
