"""The verb `reer exam`: parse, call, print; nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reer.options import ApiBase, Json, Model, Models, answering, fitting, run, scoring_beside
from workbench import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reer.books import Shelf
    from reer.pairs import Pair

app = typer.Typer()


@app.command(
    epilog="Example: reer exam manuals/oral-bank examples/oral-bank/test.jsonl"
    " --transcripts examples/oral-bank/pairs.jsonl --key examples/oral-bank/key.jsonl --picture exam.svg"
)
def exam(
    manual: Annotated[Path, typer.Argument(help="Folder of the manual.", show_default=False)],
    pairs: Annotated[Path, typer.Argument(help="Pairs of calls that the manual has not seen.", show_default=False)],
    transcripts: Annotated[
        Path | None, typer.Option(help="Pairs that are matched by rote, and retrieved, instead of the manual.")
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="A Git revision of the manual to compare with, as its first draft.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="An answer key (JSONL): facts recalled, and the most that a manual can do.")
    ] = None,
    categories: Annotated[
        Path | None,
        typer.Option(help="Categories (TOML) of pairs that name none; default: categories.toml beside the pairs."),
    ] = None,
    answers: Annotated[
        str, typer.Option(help="Writes answers, to compare with the replies: embedded, a chat model, or none.")
    ] = "none",
    picture: Annotated[Path | None, typer.Option(help="Write the ladder as a picture (SVG).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Measure how much the manual helps with replies to other customers. Exit 1 when it does not.

    Each reply is scored with no book, with a wrong article, with what else is given, and with the manual.
    """
    from reer.assignments import with_categories
    from reer.books import Shelf, check_shelf, load_key
    from reer.ladder_picture import draw_ladder
    from reer.pairs import load_pairs
    from reer.recall import check_key
    from reer.shelf import load_manual
    from reer.tables import format_exam
    from workbench.jsonl import write_atomic

    articles = load_manual(manual)
    loaded = with_categories(load_pairs(pairs).pairs, categories or pairs.with_name("categories.toml"))
    shelf = Shelf(
        articles,
        first=_articles_at(manual, first) if first else {},
        transcripts=load_pairs(transcripts).pairs if transcripts else (),
        key=load_key(key) if key else {},
    )
    check_shelf(shelf, loaded)
    recalled = check_key(articles, key) if key else None
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
    report = _sit(shelf, loaded, Models(model, answers, api_base), seed)
    if recalled is not None:
        report["key"] = recalled
    console.print_json(report) if as_json else console.print_text(format_exam(report))
    if picture:
        write_atomic(picture, draw_ladder(report))
        console.say(f"picture {picture}")
    if report["gains"]["over_wrong"]["nll"]["low"] <= 0:
        raise typer.Exit(1)


def _sit(shelf: Shelf, pairs: Sequence[Pair], models: Models, seed: int) -> dict[str, Any]:
    """Open the models and sit the exam."""
    import numpy as np

    from lm.encoder import Encoder
    from reer.draft import count_words
    from reer.exam import Answered, Examiners, set_exam, sit_exam
    from reer.manual import context_text
    from reer.tables import NAMES

    async def work() -> dict[str, Any]:
        async with scoring_beside(models) as scorer:
            longest = max(count_words(context_text(article)) for article in shelf.articles.values())
            paper = set_exam(shelf, await fitting(pairs, scorer, budget=longest))
            async with answering(models) as answers:
                answered = Answered(answers, Encoder().encode) if answers else None
                with console.progress(len(paper.books), "books") as ticker:
                    tools = Examiners(scorer, answered, lambda rung: ticker.advance(note=NAMES[rung]))
                    return await sit_exam(paper, tools, rng=np.random.default_rng(seed))

    return run(work)


def _articles_at(manual: Path, revision: str) -> Any:
    """The manual as it was at a Git revision.

    Raises:
        UsageError: that commit has none.
    """
    from reer.opening import open_repository
    from reer.versions import Versions
    from workbench.errors import UsageError

    articles = Versions(open_repository(manual)).at(revision).articles
    if not articles:
        raise UsageError(f"--first {revision}: that commit has no article in {manual}; see: reer log {manual}")
    return articles
