"""Traces of many pairs in a run folder: killed at any moment, it goes on where it was and pays for nothing twice.

A pair that is decided is one event, with all of its trace. Of a pair in the middle of its search the replies are in
the store and the scores in their cache, so it is searched again to the same end. What was lost to a server that did
not answer is not decided: the run stays open, and `--resume` asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio

from lm.base import Engine
from lm.budget import Budget
from lm.road import Road
from lm.scores import Scorer
from lm.store import ReplyStore
from reer.pairs import Pair
from reer.trace_record import TRACES, to_record
from reer.trace_report import build_report, render_page
from reer.traces import Plan, Search
from reer.transfer import Others
from reer.writer import Writer
from workbench.console import Ticker
from workbench.errors import ModelError, OpenbookError
from workbench.jsonl import dump_line, write_atomic
from workbench.prompts import packaged_prompt
from workbench.runs import REPORT, Inputs, Run, digest_file, read_run

REPLIES = "replies.sqlite"
MAX_LOST = 5
"""Pairs without an answer after which a run gives up: the server is gone, not one call."""

Progress = Callable[[int, str], AbstractContextManager[Ticker]]


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for."""

    file: Path
    """Of the pairs."""
    pairs: tuple[Pair, ...]
    """All of them: what a trace does for others is measured on those beyond the limit too."""
    writer: str
    scorer: str
    """Names of the models."""
    plan: Plan
    limit: int | None = None
    """Pairs that get a trace: the first ones."""
    max_calls: int | None = None
    """Of the writer, retries included; it decides no result, so a run may be resumed with another."""
    categories: tuple[Path, ...] = ()
    """Files that the categories of the pairs come from, where the pairs name none."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides the result."""
        return {"writer": self.writer, "scorer": self.scorer, "limit": self.limit, **asdict(self.plan)}

    @property
    def inputs(self) -> Inputs:
        """Seed and hashes."""
        prompts = {name: packaged_prompt(name).sha256 for name in ("reer/trace", "reer/segment")}
        return Inputs(self.plan.seed, prompts, {path.name: digest_file(path) for path in (self.file, *self.categories)})


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with."""

    engine: Engine
    """Writes."""
    scorer: Scorer
    clock: Callable[[], float]
    """Seconds since 1970."""
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Work:
    """A run that is open."""

    job: Job
    tools: Tools
    run: Run
    store: ReplyStore
    done: dict[str, dict[str, Any]]
    """The records of pairs that are decided, by id."""
    lost: list[ModelError] = field(default_factory=list)
    """Pairs that are not decided."""
    ended: list[OpenbookError] = field(default_factory=list)
    """A budget that is reached, a file that cannot be written: nothing more is begun."""


async def trace_pairs(job: Job, folder: Path, tools: Tools, *, resume: bool) -> dict[str, Any]:
    """Search a trace for each pair and return the report; a finished run returns the report it has.

    Raises:
        UsageError: the folder holds something and `resume` is off, or the run was begun with other settings.
        BudgetError: the cap on calls is reached; what was done is kept.
        ModelError: pairs are left whose calls got no answer, or no pair fits into a model.
    """
    with Run.open(folder, job.settings, clock=tools.clock, inputs=job.inputs, resume=resume) as run:
        if run.finished:
            return dict(read_run(folder).report or {})
        with closing(ReplyStore(folder / REPLIES, clock=tools.clock)) as store:
            asked = job.pairs[: job.limit]
            done = {event["trace"]["id"]: event["trace"] for event in run.events if event["event"] == "trace"}
            await _work_off(_Work(job, tools, run, store, done), [pair for pair in asked if pair.id not in done])
            records = [done[pair.id] for pair in asked]
            _check_fit(records)
            report = build_report(records, job.settings, store.usages())
        write_atomic(folder / TRACES, "".join(dump_line(record) + "\n" for record in records))
        run.finish(report, render_page(report, records))
        return report


def finished_report(job: Job, folder: Path, clock: Callable[[], float]) -> dict[str, Any] | None:
    """The report of a run that is finished, so that no model need be opened for it; None while there is work left.

    Raises:
        UsageError: the run was begun with other settings.
    """
    if not (folder / REPORT).exists():
        return None
    with Run.open(folder, job.settings, clock=clock, inputs=job.inputs) as run:
        return dict(read_run(folder).report or {}) if run.finished else None


async def _work_off(work: _Work, left: Sequence[Pair]) -> None:
    """Decide the pairs that are left, as many at once as the writer serves."""
    job, tools = work.job, work.tools
    budget = Budget(max_calls=job.max_calls)
    for usage in work.store.usages():
        budget.charge(usage)
    writer, others = Writer(Road(tools.engine, store=work.store, budget=budget)), Others(job.pairs)
    queue, most = iter(left), job.plan.steps + 1
    with tools.progress(len(left) * most, "steps") as ticker:

        async def decide() -> None:
            for pair in queue:
                search = Search(writer, tools.scorer, job.plan, on_step=ticker.advance)
                try:
                    record = await to_record(pair, await search.run(pair), tools.scorer, others)
                except ModelError as error:
                    work.lost.append(error)
                except OpenbookError as error:
                    work.ended.append(error)
                else:
                    work.run.append("trace", trace=record)
                    work.done[pair.id] = record
                    ticker.advance(most - len(record["path"]), note=f"{len(work.done)} pairs decided")
                if work.ended or len(work.lost) >= MAX_LOST:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(min(len(left), tools.engine.slots)):
                group.start_soon(decide)
    _check_decided(work, left)


def _check_decided(work: _Work, left: Sequence[Pair]) -> None:
    """Keep a run open whose pairs are not all decided."""
    if work.ended:
        raise work.ended[0]
    if work.lost:
        error = work.lost[0]
        waiting = sum(pair.id not in work.done for pair in left)
        raise ModelError(f"{waiting} pairs are left, one because: {error}; go on with --resume", cause=error.cause)


def _check_fit(records: Sequence[Mapping[str, Any]]) -> None:
    """Where no pair fits, the pairs are not to blame."""
    if records and all(record["reason"] == "does-not-fit" for record in records):
        raise ModelError(f"no pair could be tried, the first because: {records[0]['detail']}", cause="request")
