"""The verbs of `reer` that read and write a manual's history in Git."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reer.opening import open_repository, open_to_commit
from reer.options import Json, Manual
from workbench import console

if TYPE_CHECKING:
    from reer.pairs import Pair

app = typer.Typer()


@app.command(epilog="Example: reer log manuals/oral-bank --limit 20")
def log(
    manual: Manual,
    limit: Annotated[int | None, typer.Option(min=1, help="Show so many, the newest.")] = None,
    as_json: Json = False,
) -> None:
    """List the commits of a manual, newest first, with the figures that each edit was accepted for."""
    from reer.plain import without_controls
    from reer.trailers import NLL, PAIRS, SIMILARITY, SOURCES, count

    entries = open_repository(manual).history(limit=limit)
    if as_json:
        commits = [
            {"commit": e.hash, "date": e.at, "author": e.author, "subject": e.subject, "trailers": dict(e.trailers)}
            for e in entries
        ]
        console.print_json({"manual": str(manual), "commits": commits})
        return
    columns = ("commit", "date", "subject", "NLL", "similarity", "pairs", "sources")
    rows = []
    for e in entries:
        nll, similarity, pairs, sources = map(e.trailers.get, (NLL, SIMILARITY, PAIRS, SOURCES))
        row = (e.hash[:10], e.at[:10], e.subject, nll, similarity, count(pairs), sources)
        rows.append([without_controls(cell) if isinstance(cell, str) else cell for cell in row])
    console.print_table(columns, rows, title=f"manual {manual}")


@app.command(epilog="Example: reer diff manuals/oral-bank HEAD~1 HEAD")
def diff(
    manual: Manual,
    old: Annotated[str, typer.Argument(metavar="FROM", help="A commit, branch or tag.")] = "HEAD",
    new: Annotated[
        str | None, typer.Argument(metavar="TO", help="The same; default: the files as they are.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two states of a manual, by claims.

    + added, - removed, ~ reworded, x ended, o holds again, > moved here, = other sources, * of the article.
    """
    from reer.claim_diff import diff_manuals
    from reer.diff_text import diff_record, format_diff
    from reer.versions import Versions

    versions = Versions(open_repository(manual))
    before = versions.at(old).articles
    after = versions.at(new).articles if new else versions.here().articles
    found = diff_manuals(before, after)
    if as_json:
        console.print_json({"manual": str(manual), "from": old, "to": new, **diff_record(found)})
    else:
        console.print_text(format_diff(found))


@app.command(epilog='Example: reer blame manuals/oral-bank "A lost card costs 12 euros to replace."')
def blame(
    manual: Manual,
    sentence: Annotated[str, typer.Argument(help="A sentence of the manual, or a claim like cards:c3.")],
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs (JSONL); shows the whole question and reply of each source.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Lead from a sentence to the commit that states it and to the call turns that it was heard in."""
    from reer.blame import blame as find_origin
    from reer.blame_text import blame_record, format_blame, match_pairs
    from reer.pairs import load_pairs
    from reer.versions import Versions

    origin = find_origin(Versions(open_repository(manual)), sentence)
    matched: dict[str, Pair] = {}
    if pairs:
        sources = origin.found.located.sources
        matched = match_pairs(sources, load_pairs(pairs).pairs)
        if missing := [source.pair for source in sources if source.id not in matched]:
            console.warn(f"{pairs} holds no pair {missing[0]!r}, nor its call and turn")
    if as_json:
        console.print_json(blame_record(origin, matched))
    else:
        console.print_text(format_blame(origin, matched))


@app.command(epilog="Example: reer revert manuals/oral-bank 3f2a91c")
def revert(
    manual: Manual,
    commit: Annotated[str, typer.Argument(help="The commit to undo.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Undo the changes of one commit to the manual as a new commit; what came after it stays.

    Hooks are not run. A claim that was changed again since is a conflict, and nothing is done.
    """
    from reer.diff_text import diff_record, format_diff
    from reer.revert import revert_commit

    done = revert_commit(open_to_commit(manual), commit, at=time.time())
    if as_json:
        console.print_json({"commit": done.commit, "reverts": done.undone.hash, **diff_record(done.diff)})
        return
    console.say(f"{done.commit[:10]} undoes {done.undone.hash[:10]} {done.undone.subject!r}")
    console.print_text(format_diff(done.diff))
