"""The search for a trace: reasoning between question and reply that makes the reply likely (Wang et al. 2025, REER).

A first trace is cut into segments, one segment at a time is written anew, and a version stays only if the loss of the
reply falls. Their code scores what follows the first paragraph of a reply, here all of it counts; it goes through the
segments from left to right, once, and never comes to those beyond the tenth. Here the next segment is the one whose
removal costs least, or helps most: it has the most to gain. Each segment is tried once before any is tried again, and
leaving it out is a version too, scored already. A trace is sound at every step (reer/soundness.py), never just likely.

    found = await Search(writer, scorer, Plan()).run(pair)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lm.scores import Score, Scorer
from reer.gains import item_of
from reer.pairs import Pair
from reer.segments import Segments, drop_segment, replace_segment, split_segments
from reer.soundness import NGRAM, Fault, fault, overlap
from reer.transfer import score_fitting
from reer.writer import Writer
from workbench.errors import ModelError
from workbench.nearest import tokenize

DRAFTS = 3
"""First traces that are asked for until one is sound; a capable writer is asked once."""

Skip = Literal["short-reply", "does-not-fit"]
"""Nothing was searched: a copy of so few words could not be told from reasoning; or a context is too short."""
Stop = Literal["target", "steps", "settled"]
"""The loss is below the threshold; the steps are used up; each segment was tried and none can be made better."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trace is searched; the defaults are the paper's, but for the cap on copying."""

    steps: int = 10
    """Segments that are written anew, at most."""
    expansion: int = 2
    """Versions of a segment that are asked for."""
    stop: float = 0.25
    """Clipped loss in nats per token below which a trace is good enough."""
    max_overlap: float = 0.3
    """Share of the reply's n-grams that may return in a trace."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of a segment."""

    text: str
    """Empty where the segment is left out, and where the answer could not be used."""
    problem: Fault | Literal["unreadable", "does-not-fit"] | None
    """Why it could not be kept, whatever its loss."""
    overlap: float | None = None
    nll: float | None = None
    """Of the reply after the trace with this version; None where it was not scored."""
    clipped_nll: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One segment, its versions and what became of them."""

    segment: int
    """Its place in the trace as it was then."""
    worth: float | None
    """What the loss rises by when the segment is left out; less than 0 where that helps, None where it is not known."""
    candidates: tuple[Candidate, ...]
    """The segment left out, then what the writer gave."""
    kept: int | None
    """Place of the version that stayed."""
    nll: float
    """After the step."""
    calls: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A first trace that was refused, or the one that was taken."""

    text: str
    problem: Fault | Literal["unreadable"] | None


@dataclass(frozen=True, slots=True)
class Found:
    """A trace and the way to it."""

    segments: Segments
    without: Score
    """The reply without a trace."""
    first: Score
    """After the first trace."""
    last: Score
    drafts: tuple[Draft, ...]
    path: tuple[Step, ...]
    stop: Stop
    calls: int
    """Requests, those answered from the store included."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a pair has no trace."""

    reason: Skip | Fault | Literal["unreadable"]
    detail: str
    drafts: tuple[Draft, ...] = ()

    @property
    def calls(self) -> int:
        """Requests."""
        return len(self.drafts)


@dataclass(frozen=True, slots=True)
class _Version:
    """A trace that differs from the present one in one segment."""

    segments: Segments
    candidate: Candidate
    score: Score | None

    @property
    def loss(self) -> float:
        return math.inf if self.score is None else self.score.nll


@dataclass(slots=True)
class _Hill:
    """Where a search stands."""

    segments: Segments
    score: Score
    tries: list[int]
    """Of each segment."""
    open: set[int]
    """Segments that were not tried since the trace changed last."""
    removals: list[_Version] = field(default_factory=list)
    """For each segment the trace without it; empty until scored."""

    @classmethod
    def at(cls, segments: Segments, score: Score) -> _Hill:
        return cls(segments, score, [0] * len(segments), set(range(len(segments))))

    def next_place(self) -> int:
        """Of the segments tried least the one whose removal costs least."""
        return min(sorted(self.open), key=lambda place: (self.tries[place], self.removals[place].loss))

    def move(self, place: int, version: _Version, score: Score) -> None:
        if len(version.segments) < len(self.segments):
            del self.tries[place]
        self.segments, self.score = version.segments, score
        self.open, self.removals = set(range(len(self.segments))), []


class Search:
    """Searches traces, one pair at a time; pairs may be searched at once."""

    def __init__(
        self, writer: Writer, scorer: Scorer, plan: Plan, *, on_step: Callable[[], None] = lambda: None
    ) -> None:
        """Give it its models; `on_step` is told of each step."""
        self.writer = writer
        self.scorer = scorer
        self.plan = plan
        self._on_step = on_step

    async def run(self, pair: Pair) -> Found | Refused:
        """Search a trace of one pair.

        Raises:
            ModelError: a model gave no answer for a reason that may pass; nothing is known of this pair then.
            BudgetError: a cap is reached.
        """
        if len(tokenize(pair.y)) < NGRAM:
            return Refused("short-reply", f"the reply has fewer than {NGRAM} words; a copy cannot be told apart")
        drafts: list[Draft] = []
        try:
            (without,) = await self.scorer.score([item_of(pair, "")])
            segments = await self._draft(pair, drafts)
            if segments is None:
                detail = f"none of {len(drafts)} first traces is sound: {', '.join(str(d.problem) for d in drafts)}"
                return Refused(drafts[-1].problem or "unreadable", detail, tuple(drafts))
            (first,) = await self.scorer.score([item_of(pair, "".join(segments))])
        except ModelError as error:
            if error.cause != "request":
                raise
            return Refused("does-not-fit", str(error), tuple(drafts))
        hill = _Hill.at(segments, first)
        path: list[Step] = []
        while (stop := self._stop(hill, len(path))) is None:
            path.append(await self._step(pair, hill))
            self._on_step()
        calls = len(drafts) + sum(step.calls for step in path)
        return Found(hill.segments, without, first, hill.score, tuple(drafts), tuple(path), stop, calls)

    async def _draft(self, pair: Pair, drafts: list[Draft]) -> Segments | None:
        """The segments of the first sound trace; all that were tried are added to the drafts."""
        for number in range(DRAFTS):
            try:
                text = await self.writer.draft(pair, seed=self.plan.seed * DRAFTS + number)
            except ModelError as error:
                if error.cause != "parse":
                    raise
                drafts.append(Draft("", "unreadable"))
                continue
            segments = split_segments(text)
            problem = fault(segments, pair.y, max_overlap=self.plan.max_overlap)
            drafts.append(Draft(text, problem))
            if problem is None:
                return segments
        return None

    def _stop(self, hill: _Hill, steps: int) -> Stop | None:
        if hill.score.clipped_nll < self.plan.stop:
            return "target"
        if steps >= self.plan.steps:
            return "steps"
        return None if hill.open else "settled"

    async def _step(self, pair: Pair, hill: _Hill) -> Step:
        """Write one segment anew and keep what makes the reply likelier."""
        if not hill.removals:
            without = [("", drop_segment(hill.segments, place)) for place in range(len(hill.segments))]
            hill.removals = await self._judge(pair, without, every=True)
        place, before = hill.next_place(), hill.score.nll
        n = self.plan.expansion
        answers = await self.writer.rewrite(pair, hill.segments, place, n=n, seed=self.plan.seed * n)
        texts = [answer for answer in answers if isinstance(answer, str)]
        written = [(text, replace_segment(hill.segments, place, text)) for text in texts]
        versions = [hill.removals[place], *await self._judge(pair, written)]
        better = [each for each in versions if each.candidate.problem is None and each.loss < before]
        best = min(better, key=lambda each: each.loss, default=None)
        worth = versions[0].loss - before
        hill.tries[place] += 1
        hill.open.discard(place)
        if best is not None and best.score is not None:
            hill.move(place, best, best.score)
        unread = [Candidate("", "unreadable")] * (len(answers) - len(texts))
        candidates = (*(each.candidate for each in versions), *unread)
        kept = None if best is None else versions.index(best)
        return Step(place, worth if math.isfinite(worth) else None, candidates, kept, hill.score.nll, n)

    async def _judge(self, pair: Pair, edits: Sequence[tuple[str, Segments]], *, every: bool = False) -> list[_Version]:
        """Each edit judged, and scored where it is sound or every one is asked for."""
        problems = [fault(segments, pair.y, max_overlap=self.plan.max_overlap) for _, segments in edits]
        wanted = [place for place, problem in enumerate(problems) if every or problem is None]
        items = [item_of(pair, "".join(edits[place][1])) for place in wanted]
        scores = dict(zip(wanted, await score_fitting(self.scorer, items), strict=True))
        versions = []
        for place, (text, segments) in enumerate(edits):
            score = scores.get(place)
            copied = overlap("".join(segments), pair.y)
            losses = (score.nll, score.clipped_nll) if score else (None, None)
            candidate = Candidate(text, problems[place] or (None if score else "does-not-fit"), copied, *losses)
            versions.append(_Version(segments, candidate, score))
        return versions
