"""Which pairs fit into a model's context together with an article; the others are left out and named.

An engine says so only where it cuts tokens itself; elsewhere the server refuses the first that is too long.
"""

from __future__ import annotations

from collections.abc import Sequence

from lm.scores import Scorer
from reer.gains import item_of
from reer.pairs import Pair
from workbench.errors import ModelError

FILLER = "- the\n"
"""A line of an article, for each token of its budget: longer than any article of that budget."""


async def keep_fitting(pairs: Sequence[Pair], scorer: Scorer, *, budget: int) -> tuple[Pair, ...]:
    """The pairs that fit beside an article of `budget` tokens, in order.

    Raises:
        ModelError: the engine failed for another reason.
    """
    try:
        await scorer.engine.encode([item_of(pair, FILLER * budget) for pair in pairs])
    except ModelError as error:
        if error.cause != "request":
            raise
        if len(pairs) == 1:
            return ()
        half = len(pairs) // 2
        parts = [await keep_fitting(part, scorer, budget=budget) for part in (pairs[:half], pairs[half:])]
        return (*parts[0], *parts[1])
    return tuple(pairs)
