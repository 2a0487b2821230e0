"""Reflection: a capable model reads failures beside successes and proposes typed edits of the prompt's rules.

Evidence is cut into small batches, one request each, and what they found is merged by further requests: one prompt
stuffed with cases makes worse edits than several small ones. What the model answers is data: it is parsed by schema,
and an edit that breaks the prompt, touches a locked rule or learns the dev examples by heart is refused.

    reflector = open_reflector("openai/gpt-x", store, task)
    proposals = await reflector.propose(champion, board, n=4)
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apo.batches import clip, pack
from apo.board import Board, Candidate
from apo.edit import Edit, edit_problem
from apo.evaluate import Outcome
from apo.evidence import describe_case, list_rules, list_turns, pair_outcomes
from apo.finding import Finding, distinct_edits
from apo.moves import Move
from apo.overfit import OverfitLint
from apo.propose import try_moves
from apo.search import Event, Observer
from apo.task import Task
from lm.base import Reply, Request, to_messages
from lm.budget import Budget
from lm.open import check_reachable, open_engine
from lm.road import Ledger, Road
from lm.store import ReplyStore
from workbench.errors import ModelError
from workbench.prompts import Prompt, packaged_prompt
from workbench.rendering import output_schema, parse_answer, render

TURNS_TOKENS = 1500
"""Most of the turns that all cases share: the system turn and the demos."""
ANSWER_TOKENS = 4096
"""Longest answer; a reasoning model thinks in it too."""
TEMPERATURE = 1.0
"""Proposals should differ from one another; reasoning models accept no other value."""
MAX_EDITS = 4
"""Edits of one answer that are looked at."""


@dataclass(slots=True)
class _Notes:
    """What happened in one round of reflection."""

    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class ModelReflector:
    """A reflector on a model of its own.

    Its calls go over its own road and are counted there, in `ledger`, not against `budget.max_calls`, which is for the
    task's model. The task's caps on tokens and cost hold for it a second time, on its own, at its own model's price.
    """

    def __init__(self, road: Road, task: Task, *, rng: random.Random, observe: Observer = lambda event: None) -> None:
        """`rng` draws the evidence; each round is told to `observe` as one event `reflect`."""
        self.road = road
        self._task = task
        self._rng = rng
        self._observe = observe
        self._prompt = packaged_prompt("apo/reflect")
        self._lint = OverfitLint(task.prompt, task.dev)
        self._rounds = 0

    @property
    def ledger(self) -> Ledger:
        """Calls, tokens and cost of reflection so far."""
        return self.road.ledger

    async def propose(self, candidate: Candidate, board: Board, n: int) -> list[list[Move]]:
        """At most `n` proposals: all edits together first, then each alone, so that the race tells which one helps.

        A call that fails, or an answer that cannot be read, costs its edits and nothing else.

        Raises:
            BudgetError: a cap on the reflector's tokens or cost is reached.
        """
        pairs = pair_outcomes(list(board.outcomes[candidate.name].values()), self._rng)
        if not pairs or n < 1:
            return []
        self._rounds += 1
        notes = _Notes()
        edits = await self._study(candidate.prompt, pairs, notes)
        happened = {"failures": len(pairs), "edits": len(edits), "failed": notes.failed, "refused": notes.refused}
        self._observe(Event("reflect", {"candidate": candidate.name, **happened}))
        moves = [edit.move for edit in edits]
        together = _compatible(candidate.prompt, moves[:MAX_EDITS])
        return [*([together] if len(together) > 1 else []), *([move] for move in moves)][:n]

    async def aclose(self) -> None:
        """Free the model."""
        await self.road.aclose()

    async def _study(self, prompt: Prompt, pairs: Sequence[Sequence[Outcome]], notes: _Notes) -> list[Edit]:
        """Ask about small batches of cases, then about what was found in them, until one finding is left.

        When merging fails, the edits of the batches stand.
        """
        inputs = {
            "task": f"{self._task.file.name}, scored by {self._task.metric.name}",
            "rules": list_rules(prompt),
            "turns": clip(list_turns(prompt, pairs[0][0].example), TURNS_TOKENS),
        }
        items = ["\n".join(describe_case(prompt, outcome) for outcome in pair) for pair in pairs]
        edits: list[Edit] = []
        while items:
            findings = await self._ask(prompt, inputs, items, notes)
            edits = distinct_edits(findings) or edits
            items = [finding.text for finding in findings] if len(findings) > 1 else []
        return edits

    async def _ask(
        self, prompt: Prompt, inputs: Mapping[str, str], items: Sequence[str], notes: _Notes
    ) -> list[Finding]:
        """One request for each small batch of items; findings without an edit are dropped."""
        requests = [self._request({**inputs, "evidence": "\n\n".join(batch)}) for batch in pack(items)]
        findings = []
        for reply in await self.road.complete_all(requests):
            try:
                findings.append(self._read(prompt, reply, notes))
            except ModelError as error:
                notes.failed.append(error.cause)
        return [finding for finding in findings if finding.edits]

    def _request(self, inputs: Mapping[str, str]) -> Request:
        messages = to_messages(render(self._prompt, inputs))
        schema = output_schema(self._prompt)
        return Request(messages, ANSWER_TOKENS, temperature=TEMPERATURE, seed=self._rounds, schema=schema)

    def _read(self, prompt: Prompt, reply: Reply | ModelError, notes: _Notes) -> Finding:
        """Read an answer and keep the edits that hold; raises `ModelError` when there is none to read."""
        if isinstance(reply, ModelError):
            raise reply
        values = parse_answer(self._prompt, reply.text)
        edits = [Edit(**record) for record in values["edits"]][:MAX_EDITS]
        problems = [edit_problem(prompt, edit, self._lint) for edit in edits]
        judged = list(zip(edits, problems, strict=True))
        notes.refused += [f"{edit.op}: {problem}" for edit, problem in judged if problem]
        return Finding(values["diagnosis"], tuple(edit for edit, problem in judged if not problem))


def open_reflector(
    model: str | None, store: ReplyStore, task: Task, *, observe: Observer = lambda event: None
) -> ModelReflector | None:
    """Open the reflector of a task; None without a model. Replies go to `store`, so a resumed run asks nothing twice.

    Raises:
        UsageError: the model's name is wrong.
        ModelError: nothing listens at its address.
        BudgetError: cost is capped, but the model's price is unknown.
    """
    if model is None:
        return None
    engine = open_engine(model)
    check_reachable(engine)
    price = engine.price() if hasattr(engine, "price") else None
    caps = task.file.budget
    budget = Budget(max_tokens=caps.max_tokens, max_cost_usd=caps.max_cost_usd, price=price)
    road = Road(engine, store=store, budget=budget)
    return ModelReflector(road, task, rng=random.Random(f"reflect {task.file.search.seed}"), observe=observe)


def _compatible(prompt: Prompt, moves: Sequence[Move]) -> list[Move]:
    """The moves that apply one after another."""
    kept: list[Move] = []
    for move in moves:
        kept += [move] if try_moves(prompt, [*kept, move]) is not None else []
    return kept
