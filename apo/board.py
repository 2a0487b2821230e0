"""The board of a search: every candidate, what it scored on which examples, and who is ahead of whom.

Candidates are compared on the examples both have been scored on (common random numbers), never on different ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apo.evaluate import Outcome
from apo.moves import Move
from workbench.metrics import Tally, ratio
from workbench.prompts import Prompt
from workbench.stats import Sample, paired_sd


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt in the search, and how it came to be."""

    name: str
    prompt: Prompt
    parent: str | None = None
    moves: tuple[Move, ...] = ()
    round: int = 0


@dataclass(slots=True)
class Board:
    """Candidates by name, in the order they came, and their outcomes by example id."""

    candidates: dict[str, Candidate] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def add(self, candidate: Candidate) -> None:
        """Enter a candidate."""
        self.candidates[candidate.name] = candidate
        self.outcomes[candidate.name] = {}

    def record(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Add what a candidate made of further examples."""
        self.outcomes[name].update({outcome.example.id: outcome for outcome in outcomes})

    def tallies(self, name: str) -> Mapping[str, Tally]:
        """Scored examples of a candidate; missing data is left out."""
        return {id_: o.tally for id_, o in self.outcomes[name].items() if o.tally is not None}

    def score(self, name: str) -> float | None:
        """Corpus score on all that the candidate was scored on; None before that."""
        tallies = self.tallies(name)
        return ratio(tallies.values()) if tallies else None

    def paired(self, a: str, b: str) -> tuple[Sample, Sample] | None:
        """Both on the examples they share; None when they share none."""
        left, right = self.tallies(a), self.tallies(b)
        shared = [id_ for id_ in left if id_ in right]
        if not shared:
            return None
        return Sample.of([left[id_] for id_ in shared]), Sample.of([right[id_] for id_ in shared])

    def gain(self, over: str, name: str) -> float:
        """Corpus score of `name` minus that of `over`, on shared examples; 0.0 when they share none."""
        pair = self.paired(over, name)
        return 0.0 if pair is None else pair[1].ratio - pair[0].ratio

    def z(self, over: str, name: str) -> float:
        """The gain in units of its standard error; 0.0 when that cannot be told."""
        pair = self.paired(over, name)
        if pair is None:
            return 0.0
        error = paired_sd(*pair) / np.sqrt(pair[0].n)
        return float((pair[1].ratio - pair[0].ratio) / error) if error > 0 else 0.0

    def difficulty(self, id_: str) -> float:
        """Share of candidates that did not get an example right, with one miss and one hit added; 0.5 when unknown."""
        seen = [o[id_].right for o in self.outcomes.values() if id_ in o and o[id_].tally is not None]
        return (1 + seen.count(False)) / (2 + len(seen))
