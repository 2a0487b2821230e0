"""The verb of `reer` that writes a manual."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from reer.opening import check_place, commit_build
from reer.options import ApiBase, Budget, Json, Model, fitting, run, scoring, warn_of_copies
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
        Path | None, typer.Option(help="Categories (TOML); default: categories.toml beside the pairs.")
    ] = None,
    budget: Budget = 600,
    git: Annotated[
        bool, typer.Option("--git", help="Commit the manual, in the repository around it or in one of its own.")
    ] = False,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Write a manual from recorded replies: per category the facts that help most with other customers.

    Pairs that name no category have the one that `reer categories` gave them.

    A build that was stopped goes on where it was when the same command is given again.
    """
    from lm.encoder import Encoder
    from reer.assignments import with_categories
    from reer.build import Tools, build_manual, check_folder
    from reer.categories import check_categories, load_categories
    from reer.pairs import load_pairs

    check_folder(out)
    if git:
        check_place(out)
    loaded = load_pairs(pairs)
    path = categories or pairs.with_name("categories.toml")
    members = with_categories(loaded.pairs, path)
    chapters = load_categories(path)
    check_categories(members, chapters, pairs)
    warn_of_copies(loaded)

    async def work() -> dict[str, Any]:
        async with scoring(model, api_base) as scorer:
            kept = await fitting(members, scorer, budget=budget)
            with console.progress(len({pair.category for pair in kept}), "articles") as ticker:
                return await build_manual(
                    kept,
                    chapters,
                    out,
                    Tools(scorer, Encoder().encode, time.time),
                    budget=budget,
                    on_article=lambda slug: ticker.advance(note=f"{slug} written"),
                )

    report = run(work)
    if git:
        report["commit"] = commit_build(out, loaded.pairs, at=time.time())
    if as_json:
        console.print_json(report)
        return
    columns = ("category", "pairs", "claims", "ended", "tokens", "refused", "crowded")
    rows = [[row[column] for column in columns] for row in report["articles"]]
    console.print_table(columns, rows, title=f"manual {report['manual']}")
