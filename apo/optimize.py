"""The main job, start to end: search loosely, release strictly, write it down.

A run folder holds the reply store, so a killed run is resumed by running it again: the search repeats to the letter
from the stored replies, pays nothing twice, and goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from apo.evaluate import Decoding, Evaluator
from apo.examples import to_record
from apo.gate import alpha_of, charge_look, decide, ledger_path, question_key
from apo.page import render_page
from apo.propose import Limits, Proposer
from apo.reflect import open_reflector
from apo.report import Calls, GateResult, build_report
from apo.retrieve import installed
from apo.search import Event, Plan, Search, SearchResult, least_calls
from apo.task import ModelSettings, Task
from lm.base import Engine
from lm.budget import Budget, Price
from lm.open import check_reachable, open_engine
from lm.road import Road
from lm.store import ReplyStore
from workbench.edits import bump
from workbench.errors import UsageError
from workbench.jsonl import dump_line
from workbench.prompts import Nearest, Prompt
from workbench.runs import REPORT, Run

POOL = "pool.jsonl"
"""In a run folder, the dev examples that its prompt retrieves demos from; absent when it does not."""
PRIVATE_SEED = 0x5EED
"""Added to the seed for the gate's resampling, so that it shares no stream with the search."""

Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run will take at most, in distinct requests."""

    search: int
    gate: int

    @property
    def total(self) -> int:
        """All calls."""
        return self.search + self.gate


def plan_costs(task: Task) -> Costs:
    """Set the gate's calls aside first; the search gets the rest.

    Raises:
        UsageError: nothing would be left to search with.
    """
    gate = 2 * len(task.sealed)
    cap = task.file.budget.max_calls
    search = 1200 if cap is None else cap - gate
    least = least_calls(len(task.dev), task.file.search.heat)
    if search < least:
        raise UsageError(
            f"budget.max_calls = {cap} leaves {search} calls for the search after {gate} for the gate, and comparing"
            f" two prompts takes {least}; give at least {gate + least}, or fewer examples"
        )
    return Costs(search, gate)


def run_task(task: Task, path: Path, *, resume: bool, clock: Callable[[], float], observe: Observer) -> dict[str, Any]:
    """Optimize a task in a run folder and return its report; a finished run returns the report it has."""
    costs = plan_costs(task)
    settings = {"task": task.file.model_dump(mode="json"), "retrieval": list(installed(task.file.search.retrieval))}
    done = resume and (path / REPORT).exists()
    engine = None if done else open_model(task.file.model)  # a model that is not there leaves no folder behind
    with Run.open(path, settings, clock=clock, inputs=task.inputs, resume=resume) as run:
        if run.finished:
            return read_report(path)
        engine = engine or open_model(task.file.model)
        with (
            closing(ReplyStore(path / "replies.sqlite", clock=clock)) as store,
            closing(ReplyStore(path / "reflections.sqlite", clock=clock)) as reflections,
        ):
            return anyio.run(_optimize, task, Work(run, store, reflections, engine, costs, clock, observe))


@dataclass(frozen=True, slots=True)
class Work:
    """What a run works with."""

    run: Run
    store: ReplyStore
    reflections: ReplyStore
    """Replies of the reflecting model, apart, so that the task's calls can be counted in `store`."""
    engine: Engine
    costs: Costs
    clock: Callable[[], float]
    observe: Observer


def open_model(model: ModelSettings) -> Engine:
    """Open the task's model and make sure it is there."""
    engine = open_engine(model.name, slots=model.slots, api_base=model.api_base)
    check_reachable(engine)
    return engine


def open_budget(task: Task, engine: Engine, store: ReplyStore | None = None) -> Budget:
    """The caps of the run; what an interrupted run has paid, the replies in its store, counts."""
    caps = task.file.budget
    price = engine.price() if hasattr(engine, "price") else None
    budget = Budget(
        max_calls=caps.max_calls,
        max_tokens=caps.max_tokens,
        max_cost_usd=caps.max_cost_usd,
        price=price if isinstance(price, Price) else None,
    )
    for usage in store.usages() if store else ():
        budget.charge(usage)
    return budget


def calls_for_search(task: Task, work: Work) -> int | None:
    """Cap while searching: retries must not use up the gate's calls.

    Nothing new once the gate has begun: the search is then repeated from the store, to where it ended.
    """
    if any(event["event"] == "gate" for event in work.run.events):
        return len(work.store)
    cap = task.file.budget.max_calls
    return None if cap is None else max(0, cap - work.costs.gate)


async def _optimize(task: Task, work: Work) -> dict[str, Any]:
    budget = open_budget(task, work.engine, work.store)
    budget.max_calls = calls_for_search(task, work)
    road = Road(work.engine, store=work.store, budget=budget)
    model = task.file.model
    decoding = Decoding(model.max_tokens, model.temperature)
    lost = [key for event in work.run.events if event["event"] == "trial" for key in event["lost"]]
    evaluator = Evaluator(road, task.metric, pool=task.dev, decoding=decoding, lost=lost)
    search = task.file.search
    limits = Limits(search.demos, installed(search.retrieval), work.engine.copies)
    log = EventLog(work.run, work.observe)
    reflector = open_reflector(search.reflect_model, work.reflections, task, observe=log)
    try:
        result = await Search(
            evaluator,
            Proposer(task.dev, task.bank, limits, random.Random(search.seed)),
            task.dev,
            Plan(work.costs.search, search.heat, search.width, search.seed),
            observe=log,
            reflector=reflector,
        ).run(task.prompt)
        result = _sign(task, result)
        budget.max_calls = task.file.budget.max_calls
        gate = await _gate(task, work, evaluator, result, log)
    finally:
        await road.aclose()
        if reflector:
            await reflector.aclose()
    report = build_report(task, result, gate, Calls(road.ledger, reflector.ledger if reflector else None))
    _write_prompt(work.run.path, result.champion.prompt, task, promoted=bool(gate and gate.verdict.passed))
    work.run.finish(report, render_page(report))
    return report


async def _gate(task: Task, work: Work, evaluator: Evaluator, result: SearchResult, log: EventLog) -> GateResult | None:
    """Put the champion to the sealed test, when there is a champion and a test."""
    if not task.sealed or result.champion.name == "c0":
        return None
    sealed = task.path.parent / str(task.file.sealed)
    key = question_key(task.prompt.sha256, result.champion.prompt.sha256, task.file.model.name)
    look = charge_look(ledger_path(sealed), task.inputs.data[str(task.file.sealed)], key, work.clock)
    work.run.record("look", {"number": look, "question": key})
    log(Event("gate", {"look": look, "champion": result.champion.name, "n": len(task.sealed)}))
    outcomes = [
        await evaluator.evaluate(prompt, task.sealed, on_done=lambda: log(Event("call")))
        for prompt in (task.prompt, result.champion.prompt)
    ]
    rng = np.random.default_rng(task.file.search.seed + PRIVATE_SEED)
    alpha = alpha_of(task.file.gate.alpha, look)
    verdict = decide(outcomes[0], outcomes[1], kind=task.metric.kind, alpha=alpha, rng=rng)
    return GateResult(verdict, look, outcomes[0], outcomes[1])


def _sign(task: Task, result: SearchResult) -> SearchResult:
    """Give the champion its place in the line of versions: the next one, child of the start."""
    champion = result.champion
    if champion.name == "c0":
        return result
    return replace(result, champion=replace(champion, prompt=bump(champion.prompt, parent=task.prompt.sha256)))


def _write_prompt(folder: Path, prompt: Prompt, task: Task, *, promoted: bool) -> None:
    """Keep the champion: as `champion.md` when it passed, else as the draft a person may still want to read.

    A prompt that retrieves its demos is not whole without the pool that it retrieves from, so that lies beside it.
    """
    name = "champion.md" if promoted else "draft.md"
    (folder / name).write_bytes(prompt.text.encode())
    if isinstance(prompt.demo_mode, Nearest):
        lines = (dump_line(to_record(example)) + "\n" for example in task.dev)
        (folder / POOL).write_text("".join(lines), encoding="utf-8", newline="")


class EventLog:
    """Writes events to the run and shows them; a resumed run repeats its first events, which are not written again.

    It goes another way where calls that had failed are answered now; then all from there on is written anew, after an
    event that says so. Calls are shown but not logged: the reply store is their record.
    """

    def __init__(self, run: Run, observe: Observer) -> None:
        """Start before the first event."""
        self._run = run
        self._observe = observe
        self._position = 0

    def __call__(self, event: Event) -> None:
        """Log and show one event."""
        self._observe(event)
        if event.kind == "call":
            return
        if self._position < len(self._run.events) and not self._repeats(event):
            self._run.append("diverged", at=self._position)
            self._position = len(self._run.events)
        if self._position == len(self._run.events):
            self._run.append(event.kind, **event.fields)
        self._position += 1

    def _repeats(self, event: Event) -> bool:
        logged = self._run.events[self._position]
        same = ("candidate", "prompt", "champion")
        return logged["event"] == event.kind and all(logged.get(key) == event.fields.get(key) for key in same)


def read_report(path: Path) -> dict[str, Any]:
    """The report of a finished run."""
    from workbench.runs import read_run

    report = read_run(path).report
    if report is None:
        raise UsageError(f"{path} is not finished; go on with: apo optimize TASK --out {path} --resume")
    return dict(report)
