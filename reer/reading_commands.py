"""The verbs of `reer` that read a manual or sign it: parse, call, print; nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reer.options import ApiBase, Json, Manual, Status, Writer, run, writing
from workbench import console
from workbench.errors import UsageError

if TYPE_CHECKING:
    from lm.encoder import Encode

app = typer.Typer()


@app.command(epilog='Example: reer ask manuals/oral-bank "What does it cost to replace a lost debit card?"')
def ask(
    manual: Manual,
    question: Annotated[str, typer.Argument(help="What to look up.", show_default=False)],
    model: Writer = None,
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Answer from a manual, with citations. Exit 1 when the manual is silent.

    Claims are quoted; with --model a model words the answer, and one with a value that no cited claim has is withheld;
    whether the words follow from the claim is not checked.
    """
    from reer.answer import OFFERED, Written, write_answer
    from reer.ask import Finder
    from reer.quoting import answer_record, format_answer
    from reer.shelf import load_manual

    found = Finder(load_manual(manual), _encode()).find(question)
    written: Written | None = None
    if model and found.shown:

        async def work() -> Written:
            async with writing(model, api_base) as road:
                return await write_answer(road, found.question, found.hits[:OFFERED])

        written = run(work)
        if written.withheld:
            console.warn(f"the answer of {model} is withheld: {written.withheld}; the claims are quoted instead")
    record = answer_record(found, written, datetime.fromtimestamp(time.time(), UTC))
    console.print_json(record) if as_json else console.print_text(format_answer(record))
    if record["silent"]:
        raise typer.Exit(1)


@app.command(epilog="Example: reer export manuals/oral-bank --skill skills/oral-bank")
def export(
    manual: Manual,
    skill: Annotated[Path, typer.Option("--skill", help="New folder of the Agent Skill; its name is the skill's.")],
    with_quotes: Annotated[
        bool, typer.Option("--with-quotes", help="Show the words of the calls and who spoke them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a manual as an Agent Skill: current claims with their citations, without the words of the calls."""
    from reer.shelf import load_manual
    from reer.skill import render_skill, write_skill

    files = render_skill(load_manual(manual), skill.resolve().name, with_quotes=with_quotes)
    write_skill(files, skill)
    report = {"skill": str(skill), "files": list(files), "quotes": with_quotes}
    console.print_json(report) if as_json else console.print_text(f"{skill}: {len(files)} files")


@app.command(epilog="Example: reer verify manuals/oral-bank cards --by human:vale --stale-after 180")
def verify(
    manual: Manual,
    article: Annotated[str | None, typer.Argument(help="Article that was checked.", show_default=False)] = None,
    by: Annotated[str | None, typer.Option(help="Who checked: human:ID, process:ID or PRODUCER/VERSION.")] = None,
    stale_after: Annotated[
        int, typer.Option(min=1, max=36500, help="Days after which somebody has to look again.")
    ] = 365,
    status: Annotated[Status, typer.Option(help="What the article is from now on.")] = Status.stable,
    show: Annotated[bool, typer.Option("--list", help="Show how far each article may be trusted.")] = False,
    as_json: Json = False,
) -> None:
    """Sign an article that was compared with its sources, or list who has signed what.

    An edit after a check leaves the tier as it is; --list and ask say that the article changed since.
    """
    from reer.shelf import load_manual
    from reer.signing import sign, sign_page
    from reer.tables import TRUST, trust_row
    from reer.trust import trust_record

    now = datetime.fromtimestamp(time.time(), UTC)
    if show == (article is not None) or (article is None) != (by is None):
        raise UsageError("give an ARTICLE with --by human:ID to sign it, or --list alone")
    if article is None or by is None:
        records = [trust_record(each, now) for each in load_manual(manual).values()]
    else:
        page = sign_page(manual, article, lambda each: sign(each, by, now, status=status.value, days=stale_after))
        records = [trust_record(page, now)]
    if as_json:
        report: dict[str, Any] = {"articles": records}
        console.print_json(report)
    else:
        console.print_table(TRUST, [trust_row(record) for record in records], title=f"manual {manual}")


def _encode() -> Encode | None:
    """Text embeddings where they are installed."""
    from lm.encoder import ENCODER_PACKAGE, Encoder, encoder_installed
    from reer.remembered import remember
    from workbench.cache import cache_folder

    if not encoder_installed():
        console.detail("claims are compared by words alone; 'openbook[local]' compares meanings too, and finds more")
        return None
    return remember(Encoder().encode, cache_folder() / "embeddings", ENCODER_PACKAGE)
