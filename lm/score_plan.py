"""Which tokens to compute once: a tree over the prefixes that rows share, and batches of what is left of each.

The key-value cache after a prefix is the same for all rows that start with it. The tree is found from the token ids,
so callers need not say what they share: a manual by all, a question by its traces, a trace by its variants.

    root = plan([row.context for row in rows])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from lm.boundary import common_length

WORTH_TOKENS = 128
"""A prefix is computed apart if that saves as many tokens: the pass itself has a cost."""


@dataclass(frozen=True, slots=True)
class Node:
    """A prefix: the first `length` tokens of any row below it."""

    length: int
    rows: tuple[int, ...]
    """Rows scored right after this prefix, by position."""
    children: tuple[Node, ...]
    """Longer prefixes that start with this one."""

    @property
    def example(self) -> int:
        """A row that starts with this prefix."""
        return self.rows[0] if self.rows else self.children[0].example


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that goes through the model in one batch."""

    tokens: int = 2048
    """Tokens after the shared prefix, padding included."""
    keys: int = 65_536
    """Tokens that are attended to, the prefix counted for each row."""

    def below(self, tokens: int, keys: int) -> Limits:
        """Half of what a batch took for which memory did not suffice."""
        return Limits(max(1, min(self.tokens, tokens // 2)), max(1, min(self.keys, keys // 2)))


def plan(contexts: Sequence[tuple[int, ...]]) -> Node:
    """The tree of shared prefixes; a prefix never holds the last token of a context, whose logits score y.

    Args:
        contexts: token ids, at least one each.
    """
    shareable = [context[:-1] for context in contexts]
    order = sorted(range(len(contexts)), key=lambda row: shareable[row])
    rows, children = _grow(shareable, order, 0)
    if not rows and len(children) == 1:
        return children[0]
    return Node(0, tuple(rows), tuple(children))


def first_batch(rows: Sequence[int], lengths: Mapping[int, int], prefix: int, limits: Limits) -> list[int]:
    """The longest rows that go through the model together: of similar length, and memory runs out early or not at all.

    Args:
        rows: positions, at least one.
        lengths: tokens after the prefix, for each position.
        prefix: tokens of the shared prefix.
        limits: what a batch may hold; a row that alone holds more goes alone.
    """
    longest_first = sorted(rows, key=lambda row: -lengths[row])
    longest = lengths[longest_first[0]]
    return longest_first[: max(1, min(limits.tokens // longest, limits.keys // (prefix + longest)))]


def _grow(shareable: list[tuple[int, ...]], run: list[int], depth: int) -> tuple[list[int], list[Node]]:
    """Rows of a sorted run to score right after `depth` shared tokens, and the longer prefixes worth a node."""
    if len(run) < 2:
        return run, []
    length = common_length(shareable[run[0]], shareable[run[-1]])
    worth = (len(run) - 1) * (length - depth) >= WORTH_TOKENS
    rows: list[int] = []
    children: list[Node] = []
    for part in _split(shareable, run, length):
        more_rows, more_children = _grow(shareable, part, length if worth else depth)
        rows += more_rows
        children += more_children
    return ([], [Node(length, tuple(rows), tuple(children))]) if worth else (rows, children)


def _split(shareable: list[tuple[int, ...]], run: list[int], length: int) -> Iterator[list[int]]:
    """Runs with the same token after `length`; rows that end there are no run."""
    for ends, part in groupby(run, key=lambda row: len(shareable[row]) == length):
        if ends:
            yield from ([row] for row in part)
        else:
            yield from (list(same) for _, same in groupby(part, key=lambda row: shareable[row][length]))
