"""What a trace does for replies that its writer never saw: those of other conversations of the same category.

A trace is made from one reply, so what it saves there may be copied. This figure cannot be: it is the one that traces
are ranked by. Any text in the tone of a house makes its replies a little likelier, so replies of other categories are
scored as a control: what a trace saves there as well is tone, not knowledge.

    others = Others(pairs)
    witnesses = await transfer(scorer, trace, others.near(pair))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lm.scores import Item, Score, Scorer, gain
from reer.gains import item_of
from reer.pairs import Pair, by_category
from workbench.errors import ModelError
from workbench.nearest import Bm25

WITNESSES = 4
"""Other replies that a trace is scored on, and as many of other categories."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Another pair, and what the trace saves on its reply in nats per token, less than 0 where it misleads."""

    id: str
    gain: float


class Others:
    """The pairs of each category, to find for one of them what its trace is tried on."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        """Index questions and replies."""
        self._groups = by_category(pairs)
        texts = {name: [_words(pair) for pair in group] for name, group in self._groups.items()}
        self._indices = {name: Bm25(group) for name, group in texts.items()}

    def near(self, pair: Pair) -> tuple[Pair, ...]:
        """At most four, each of another conversation: two replies of one call are no two witnesses."""
        group = self._groups.get(pair.category or "", ())
        if pair.category is None or not group:
            return ()
        found: dict[str, Pair] = {}
        for place in self._indices[pair.category].top(_words(pair), len(group)):
            other = group[place]
            if other.conversation != pair.conversation:
                found.setdefault(other.conversation, other)
        return tuple(found.values())[:WITNESSES]

    def far(self, pair: Pair) -> tuple[Pair, ...]:
        """At most four of other categories and conversations, spread over both by the pair's own place."""
        groups = [group for name, group in self._groups.items() if name != pair.category]
        if pair.category is None or not groups:
            return ()
        own = [each.id for each in self._groups.get(pair.category, ())]
        place = own.index(pair.id) if pair.id in own else 0
        count = min(WITNESSES, len(groups))
        chosen = [groups[(place + number * len(groups) // count) % len(groups)] for number in range(count)]
        others = [group[place % len(group)] for group in chosen]
        return tuple(other for other in others if other.conversation != pair.conversation)


async def transfer(scorer: Scorer, trace: str, others: Sequence[Pair]) -> list[Witness]:
    """What a trace saves on each of the others; those that do not fit into the model's context are left out."""
    with_trace = await score_fitting(scorer, [item_of(other, trace) for other in others])
    without = await score_fitting(scorer, [item_of(other, "") for other in others])
    return [
        Witness(other.id, gain(score, base))
        for other, score, base in zip(others, with_trace, without, strict=True)
        if score is not None and base is not None
    ]


async def score_fitting(scorer: Scorer, items: Sequence[Item]) -> list[Score | None]:
    """Scores in the order of the items; None where the model refuses one, which is when it does not fit.

    Raises:
        ModelError: the model failed otherwise.
    """
    if not items:
        return []
    try:
        return list(await scorer.score(items))
    except ModelError as error:
        if error.cause != "request":
            raise
    if len(items) == 1:
        return [None]
    return [score for item in items for score in await score_fitting(scorer, [item])]


def _words(pair: Pair) -> str:
    return f"{pair.question}\n{pair.y}"
