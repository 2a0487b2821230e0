"""The verb `reer categories`: parse, call, print; nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reer.options import Json, warn_of_copies
from workbench import console
from workbench.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: reer categories calls.jsonl --out categories.toml")
def categories(
    pairs: Annotated[list[Path], typer.Argument(help="Question-reply pairs (JSONL).", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Categories (TOML); default: categories.toml beside the pairs.")
    ] = None,
    fewest: Annotated[int, typer.Option("--min", min=2, help="Categories to find, at least.")] = 10,
    most: Annotated[int, typer.Option("--max", min=2, help="Categories to find, at most.")] = 12,
    anew: Annotated[bool, typer.Option("--anew", help="Place all pairs again, not only new ones.")] = False,
    as_json: Json = False,
) -> None:
    """Find the categories of calls, or put calls into those that a file names.

    No file yet: pairs that are alike are clustered, into as many groups
    as have the best silhouette, named by their telling terms.
    A file that you wrote, a sentence for each category: it is filled and
    stays as it is. Either way assignments.jsonl beside it says where each
    pair is, by what margin. Categories in PAIRS are only compared with.

    Edit the file, then run the same command again. Its table "found" says
    which category each cluster is: rename a category there, or give two
    clusters one name to merge them. Its table "moved" puts single pairs
    elsewhere, as in "pair id" = "category". Pairs that had a place keep
    it, and new ones join the nearest category. What assignments.jsonl
    says of pairs that are not given this time stays there; a rename or a
    merge holds for them too.

    With --anew all pairs are placed again. A cluster that keeps most of
    its pairs keeps its name, and moved pairs stay where you put them.
    """
    from lm.encoder import Encoder
    from reer.assignments import NAME, keep_others, read_assignments, write_assignments
    from reer.categories import load_file
    from reer.category_edits import carry_out, render_file
    from reer.category_report import format_report, make_report
    from reer.discovery import Work, find_categories
    from reer.pairs import load_files
    from workbench.jsonl import write_atomic

    if most < fewest:
        raise UsageError(f"--max {most} is less than --min {fewest}; raise it")
    loaded = load_files(pairs)
    warn_of_copies(loaded)
    path = out or pairs[0].with_name("categories.toml")
    beside = path.with_name(NAME)
    before = read_assignments(beside)
    old = load_file(path) if path.exists() else None
    edited = carry_out(old, before, path) if old else None
    encode = Encoder().encode
    with console.progress(len(loaded.pairs), "reading pairs") as ticker:
        result = find_categories(loaded.pairs, Work(encode, fewest, most, anew, ticker.advance), edited, before)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_assignments(beside, keep_others(before, result.assignments, result.file))
    if result.file != old:
        write_atomic(path, render_file(result.file))
    report: dict[str, Any] = {"out": str(path), "assignments": str(beside), **make_report(loaded.pairs, result, old)}
    for warning in report["warnings"]:
        console.warn(warning)
    console.print_json(report) if as_json else console.print_text(format_report(report))
