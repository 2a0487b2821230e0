"""A loose race: all candidates run the first stretch, the weaker ones drop out, the rest run a longer one.

Successive halving on common examples (Jamieson and Talwalkar 2016), with a champion to beat. Dropping is loose on
purpose: a strict test in the search costs more in lost gains than it saves in false ones; the gate is strict.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

from apo.board import Board

KEEP = 0.4
"""Share of the field that goes on to the next stretch."""
HOPELESS_Z = -1.0
"""A candidate this far behind the champion, in standard errors, leaves early."""

Run = Callable[[str, int, int], Awaitable[None]]
"""`await run(name, start, end)` scores a candidate on the dev examples from `start` to `end`."""


def stretches(n: int, heat: int) -> list[tuple[int, int]]:
    """Cut `n` examples into stretches that double: heat, heat, 2 heat, ...; a short rest joins the last."""
    ends = [min(heat, n)]
    while ends[-1] < n:
        end = 2 * ends[-1]
        ends.append(n if n - end < heat else end)
    return list(zip([0, *ends[:-1]], ends, strict=True))


def field_sizes(width: int, n_stretches: int) -> list[int]:
    """How many candidates run each stretch."""
    sizes = [width]
    for _ in range(n_stretches - 1):
        sizes.append(max(min(2, width), math.ceil(sizes[-1] * KEEP)))
    return sizes


def race_cost(width: int, parts: Sequence[tuple[int, int]]) -> int:
    """Most calls that a race of `width` new candidates takes."""
    return sum(size * (end - start) for size, (start, end) in zip(field_sizes(width, len(parts)), parts, strict=True))


def widest(budget: int, most: int, parts: Sequence[tuple[int, int]]) -> int:
    """The widest field, at most `most`, whose race fits the budget; 0 when not even two fit."""
    return next((width for width in range(most, 1, -1) if race_cost(width, parts) <= budget), 0)


async def race(
    board: Board, names: Sequence[str], champion: str | None, parts: Sequence[tuple[int, int]], run: Run
) -> str:
    """Race candidates against each other and the champion, if there is one, and return the new champion.

    The champion runs every stretch that a challenger survives to, so that each comparison with it is paired.
    """
    field = list(names)
    for size, (start, end) in zip(field_sizes(len(names), len(parts)), parts, strict=True):
        field = rank(board, field, champion)[:size]
        for name in [champion, *field] if champion else field:
            await run(name, start, end)
        if champion:
            field = [name for name in field if board.z(champion, name) > HOPELESS_Z]
            if not field:
                return champion
    best = rank(board, field, champion)[0]
    return best if champion is None or board.gain(champion, best) > 0 else champion


def rank(board: Board, names: Sequence[str], champion: str | None) -> list[str]:
    """Best first, by gain over the champion, or else over all of the names; ties keep their order.

    Every gain is on examples both have been scored on: a prompt that shows a hard example, or whose call failed there,
    is not ahead for it.
    """
    rivals = names if champion is None else [champion]
    return sorted(names, key=lambda name: -sum(board.gain(rival, name) for rival in rivals))
