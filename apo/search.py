"""The Monte Carlo search: rounds of typed proposals, each round a loose race on common examples.

Round 0 explores: many prompts far apart. Later rounds refine the best: small steps, crossover, and some fresh points.
The finals score the best on the dev examples that no round used.
The search may be greedy and noisy, because nothing is released here; that is the gate's work. With the same seed and
the same replies it repeats exactly, so a killed run is resumed by running it again on its reply store.

    result = await Search(evaluator, proposer, dev, plan).run(prompt)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from apo.board import Board, Candidate
from apo.evaluate import Evaluator
from apo.examples import Example
from apo.moves import Move
from apo.propose import Proposer, try_moves
from apo.race import race, race_cost, rank, stretches, widest
from workbench.errors import BudgetError
from workbench.prompts import Prompt

FIRST_SHARE = 0.65
"""Share of the calls that the first, exploring round may take."""
WIDTH_0 = 16
"""Widest first round."""
FRESH_SHARE = 0.25
"""Share of a later round that explores instead of refining."""
PARENTS = 4
FINALISTS = 2
"""Candidates whose calls on the last stretch are set aside; more take part when calls are left."""
TRIES = 30
"""Draws before a round is content with fewer candidates: near the end most proposals are known already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the search may spend and how it compares."""

    calls: int
    """Distinct requests; those answered by the reply store count as well, so a resumed search stops where it would."""
    heat: int = 24
    width: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the run's log and the screen."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)


Observer = Callable[[Event], None]


class Reflector(Protocol):
    """A capable model that reads failures and successes and proposes edits."""

    async def propose(self, candidate: Candidate, board: Board, n: int) -> list[list[Move]]:
        """At most `n` lists of moves for the candidate."""
        ...


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Where the search ended."""

    champion: Candidate
    board: Board
    rounds: int
    stopped: str
    """Why: `calls`, `ideas` (nothing new to try) or `budget` (a cap was reached first)."""


class Search:
    """One search on one task."""

    def __init__(
        self,
        evaluator: Evaluator,
        proposer: Proposer,
        dev: Sequence[Example],
        plan: Plan,
        *,
        observe: Observer = lambda event: None,
        reflector: Reflector | None = None,
    ) -> None:
        """Shuffle the dev examples once: every candidate meets them in the same order."""
        self.evaluator = evaluator
        self.proposer = proposer
        self.plan = plan
        self.board = Board()
        self._observe = observe
        self._reflector = reflector
        self._rng = random.Random(plan.seed)
        self._dev = list(dev)
        self._rng.shuffle(self._dev)
        self._parts, self._final = split_final(stretches(len(self._dev), plan.heat))
        self._known: set[str] = set()

    async def run(self, start: Prompt) -> SearchResult:
        """Search until the calls are used up or nothing new comes to mind."""
        first = Candidate("c0", start)
        self._enter(first)
        champion, number, stopped = "c0", 0, "calls"
        try:
            while True:
                names = await self._field(number, champion)
                if len(names) < 2:
                    stopped = "calls" if self._width(number) < 2 else "ideas"
                    break
                champion = await race(self.board, names, champion if number else None, self._parts, self._score)
                self._observe(Event("round", {"round": number, "champion": champion, **self._figures(champion)}))
                number += 1
            champion = await self._finals(champion)
        except BudgetError:
            stopped = "budget"
            champion = self._best(champion)
        return SearchResult(self.board.candidates[champion], self.board, number, stopped)

    def _width(self, number: int) -> int:
        """How many candidates the next round can afford."""
        left = self._left() - FINALISTS * (self._final[1] - self._final[0])
        if number == 0:
            return widest(int(FIRST_SHARE * left), WIDTH_0, self._parts) or widest(left, 4, self._parts)
        return widest(left, self.plan.width, self._parts)

    def _left(self) -> int:
        return self.plan.calls - len(self.evaluator.asked)

    async def _finals(self, champion: str) -> str:
        """Score the best on the dev examples that no round used, as many of them as calls are left for."""
        start, end = self._final
        length = end - start
        finalists = [candidate.name for candidate in self._parents(champion)]
        finalists = finalists[: self._left() // length if length else 0]
        if len(finalists) < 2:
            return champion
        for name in finalists:
            await self._score(name, start, end)
        champion = rank(self.board, finalists, None)[0]
        self._observe(Event("final", {"champion": champion, **self._figures(champion)}))
        return champion

    async def _field(self, number: int, champion: str) -> list[str]:
        """Propose the candidates of a round."""
        width = self._width(number)
        names = ["c0"] if number == 0 else []
        parents = self._parents(champion)
        if self._reflector is not None and number > 0 and width >= 2:
            for moves in await self._reflector.propose(parents[0], self.board, max(1, width // 2)):
                self._try(parents[0], moves, number, names)
        tries = 0
        while len(names) < width and tries < TRIES * width:
            tries += 1
            if number == 0 or self._rng.random() < FRESH_SHARE:
                parent = self.board.candidates["c0"]
                moves = self.proposer.explore(parent.prompt, self.board)
            else:
                parent = self._rng.choices(parents, [len(parents) - place for place in range(len(parents))])[0]
                moves = self.proposer.refine(parent, self.board, [mate for mate in parents if mate is not parent])
            self._try(parent, moves, number, names)
        return names[: max(width, 0)]

    def _try(self, parent: Candidate, moves: Sequence[Move], number: int, names: list[str]) -> None:
        """Enter the moved prompt, when it is new."""
        prompt = try_moves(parent.prompt, moves)
        if prompt is None or prompt.sha256 in self._known:
            return
        candidate = Candidate(f"c{len(self.board.candidates)}", prompt, parent.name, tuple(moves), number)
        self._enter(candidate)
        names.append(candidate.name)

    def _enter(self, candidate: Candidate) -> None:
        self.board.add(candidate)
        self._known.add(candidate.prompt.sha256)
        moves = [move.to_json() for move in candidate.moves]
        fields = {"candidate": candidate.name, "parent": candidate.parent, "round": candidate.round, "moves": moves}
        self._observe(Event("candidate", {**fields, "prompt": candidate.prompt.text}))

    async def _score(self, name: str, start: int, end: int) -> None:
        """Score a candidate on one stretch, unless it was."""
        examples = [example for example in self._dev[start:end] if example.id not in self.board.outcomes[name]]
        examples = self.evaluator.scorable(self.board.candidates[name].prompt, examples)
        if not examples:
            return
        outcomes = await self.evaluator.evaluate(
            self.board.candidates[name].prompt, examples, on_done=lambda: self._observe(Event("call"))
        )
        self.board.record(name, outcomes)
        lost = [outcome.key for outcome in outcomes if outcome.tally is None]
        self._observe(Event("trial", {"candidate": name, "examples": end, "lost": lost, **self._figures(name)}))

    def _figures(self, name: str) -> dict[str, Any]:
        tallies = self.board.tallies(name)
        return {"score": self.board.score(name), "n": len(tallies), "asked": len(self.evaluator.asked)}

    def _best(self, champion: str) -> str:
        """When cut short: the best among those scored on as much as anyone was."""
        most = max(len(self.board.tallies(name)) for name in self.board.candidates)
        names = [name for name in self.board.candidates if len(self.board.tallies(name)) >= 0.8 * most]
        return rank(self.board, names or [champion], None)[0]

    def _parents(self, champion: str) -> list[Candidate]:
        """The champion and the next best that went far."""
        others = [name for name in self.board.candidates if name != champion and self.board.score(name) is not None]
        far = [name for name in others if len(self.board.tallies(name)) >= self._parts[min(1, len(self._parts) - 1)][0]]
        names = [champion, *rank(self.board, far, champion)[: PARENTS - 1]]
        return [self.board.candidates[name] for name in names]


def split_final(parts: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Rounds use all stretches but the last, which is kept for the finals; with fewer than three, rounds use all."""
    end = parts[-1][1]
    return (parts[:-1], parts[-1]) if len(parts) > 2 else (parts, (end, end))


def least_calls(n_dev: int, heat: int) -> int:
    """Calls below which not even two prompts can race to the end."""
    parts, (start, end) = split_final(stretches(n_dev, heat))
    return race_cost(2, parts) + FINALISTS * (end - start)


def planned_calls(plan: Plan, n_dev: int) -> int:
    """Calls of the first round as planned, for `--dry-run`."""
    parts, (start, end) = split_final(stretches(n_dev, plan.heat))
    left = plan.calls - FINALISTS * (end - start)
    return race_cost(widest(int(FIRST_SHARE * left), WIDTH_0, parts) or widest(left, 4, parts), parts)
