"""The verb `reer refine`: parse, call, print; nothing else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reer.opening import open_to_commit
from reer.options import ApiBase, Budget, Json, Manual, Model, Models, answering, fitting, run, scoring_beside, writing
from workbench import console

if TYPE_CHECKING:
    from lm.road import Road
    from reer.gate import Gate
    from reer.keeping import Keeper
    from reer.manual import Article
    from reer.model_edits import ModelEdits
    from reer.pairs import Pair
    from reer.refine import Trial
    from reer.repository import Repository

app = typer.Typer()


@app.command(epilog="Example: reer refine manuals/oral-bank examples/oral-bank/pairs.jsonl --category cards")
def refine(
    manual: Manual,
    pairs: Annotated[Path, typer.Argument(help="Question-reply pairs (JSONL).", show_default=False)],
    category: Annotated[
        list[str] | None, typer.Option(help="Only this article; may be given again.", show_default=False)
    ] = None,
    edits: Annotated[
        int, typer.Option(min=1, help="Accepted edits of one article, at most; those before a stop count too.")
    ] = 6,
    budget: Budget = 600,
    answers: Annotated[
        str, typer.Option(help="Writes the answers that are compared: embedded, a chat model, or none.")
    ] = "embedded",
    writer: Annotated[
        str | None,
        typer.Option(help="Also propose what this model writes: embedded, or provider/model.", show_default=False),
    ] = None,
    writer_api_base: Annotated[
        str | None, typer.Option(help="Address of the writer's server.", envvar="REER_WRITER_API_BASE")
    ] = None,
    traces: Annotated[
        Path | None, typer.Option(help="Run of `reer trace`: the writer sees its traces.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    model: Model = "embedded",
    api_base: ApiBase = None,
    as_json: Json = False,
) -> None:
    """Improve a manual edit by edit; each that helps is one commit. Exit 1 when none does.

    Edits add, reword, merge and delete claims. One is accepted when replies of other calls become more likely by more
    than the noise of that figure, and answers to them no less like the expert's.

    With --writer a model proposes facts and shorter words too: checked by code first, then by the same gate.
    A run that was stopped goes on where it was when the same command is given again.
    """
    from reer.pairs import by_category
    from reer.refine import Tools
    from reer.refine import refine as refine_manual

    repository = open_to_commit(manual)
    shelf, members = _load(repository, pairs, category)
    told = _traces(traces, writer)
    trials: list[Trial] = []
    editors: list[ModelEdits] = []

    async def work() -> dict[str, Article]:
        async with (
            _judging(Models(model, answers, api_base), budget, seed) as gate,
            _editing(writer, writer_api_base) as road,
        ):
            groups = by_category(await fitting(members, gate.scorer, budget=budget))
            with console.progress(len(shelf), "articles") as ticker:
                editors.extend(_editors(road, groups, told))
                keep, pasts = _keeping(repository, groups, (gate.scorer.engine.identity, answers, writer, budget, seed))
                tools = Tools(gate, keep, _teller(trials, ticker), *editors)
                done = lambda _: ticker.advance()  # noqa: E731
                return await refine_manual(shelf, groups, tools, max_edits=edits, done=done, pasts=pasts)

    _show(manual, _report(shelf, run(work), trials, editors), as_json=as_json)


@asynccontextmanager
async def _judging(models: Models, budget: int, seed: int) -> AsyncIterator[Gate]:
    """The gate with its models open."""
    import numpy as np

    from lm.encoder import Encoder
    from reer.gate import Gate

    async with scoring_beside(models) as scorer, answering(models) as answers:
        yield Gate(scorer, answers, Encoder().encode, budget, lambda: np.random.default_rng(seed))


def _keeping(
    repository: Repository, groups: Mapping[str, Sequence[Pair]], settings: Sequence[object]
) -> tuple[Keeper, Mapping[str, Sequence[Article]]]:
    """What commits the edits, and what the same run has committed before it was stopped."""
    from reer.keeping import Keeper
    from reer.resuming import read_pasts, run_key

    runs = {category: run_key(members, settings) for category, members in groups.items()}
    return Keeper(repository, time.time, runs), read_pasts(repository, runs)


@asynccontextmanager
async def _editing(writer: str | None, api_base: str | None) -> AsyncIterator[Road | None]:
    """A road to the model that proposes edits; None without one."""
    if writer is None:
        yield None
        return
    async with writing(writer, api_base) as road:
        yield road


def _editors(
    road: Road | None, groups: Mapping[str, Sequence[Pair]], traces: Mapping[str, str]
) -> Sequence[ModelEdits]:
    from reer.model_edits import ModelEdits

    return [ModelEdits(road, groups, traces)] if road else []


def _traces(traces: Path | None, writer: str | None) -> Mapping[str, str]:
    """Traces by id of their pair.

    Raises:
        UsageError: no model would read them.
    """
    from reer.trace_record import read_traces
    from workbench.errors import UsageError

    if traces is None:
        return {}
    if writer is None:
        raise UsageError("--traces are for a model that writes; name it with --writer")
    return read_traces(traces)


def _load(
    repository: Repository, pairs: Path, categories: Sequence[str] | None
) -> tuple[Mapping[str, Article], Sequence[Pair]]:
    """Articles and pairs, when there is nothing in the way of commits; pages that stay as they are may be in work.

    Raises:
        UsageError: a page has changes that are not committed, or a category has no article.
    """
    from reer.assignments import with_categories
    from reer.folder import LOG
    from reer.pairs import load_pairs
    from reer.shelf import load_manual
    from reer.versions import Versions
    from workbench.errors import UsageError

    shelf = load_manual(repository.folder)
    if unknown := [name for name in categories or () if name not in shelf]:
        raise UsageError(f"the manual has no article {unknown[0]!r}; it has {', '.join(shelf)}")
    wanted = categories or list(shelf)
    files = Versions(repository).here().files
    ours = {LOG, *(files[name] for name in wanted)}
    if changed := [page for page in repository.dirty() if page in ours]:
        raise UsageError(f"{', '.join(changed)} differ from the latest commit; commit or stash your changes first")
    members = with_categories(load_pairs(pairs).pairs, pairs.with_name("categories.toml"))
    return {name: shelf[name] for name in wanted}, [pair for pair in members if pair.category in wanted]


def _report(
    before: Mapping[str, Article],
    after: Mapping[str, Article],
    trials: Sequence[Trial],
    editors: Sequence[ModelEdits],
) -> dict[str, Any]:
    from reer.refine_report import report_of

    written = [{"facts": editor.facts, "refused": dict(editor.refused)} for editor in editors]
    return {**report_of(before, after, trials), "written": written[0] if written else None}


def _show(manual: Path, report: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what became of the edits; exit 1 when none was accepted."""
    if as_json:
        console.print_json({"manual": str(manual), **report})
    else:
        columns = ("article", "edit", "claim", "NLL", "similarity")
        rows = [[row[column] for column in columns] for row in report["accepted"]]
        console.print_table(columns, rows, title=f"manual {manual}: {len(rows)} of {report['tried']} edits accepted")
        if written := report["written"]:
            refused = sum(written["refused"].values())
            console.say(f"the writer's answers: {written['facts']} facts stood, {refused} facts and rewrites did not")
    if not report["accepted"]:
        raise typer.Exit(1)


def _teller(trials: list[Trial], ticker: console.Ticker) -> Callable[[Trial], None]:
    """Remembers each trial, and says what was accepted."""
    from reer.refine_report import describe_trial

    def tell(trial: Trial) -> None:
        trials.append(trial)
        line = describe_trial(trial)
        if trial.verdict.accepted:
            ticker.advance(0, note=f"{sum(each.verdict.accepted for each in trials)} accepted")
            console.say(line)
        else:
            console.detail(line)

    return tell
