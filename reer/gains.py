"""What a statement is worth: how much it lowers the loss of replies to other customers.

Leakage is excluded by construction: a statement is never scored on a reply of a call that it comes from, so copying a
reply into a manual earns nothing by that reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm.scores import Item, Scorer
from reer.manual import claims_text
from reer.pairs import Pair, conversation_text

MAX_TURNS = 4
"""Turns before a reply that a model is shown."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What one text does for the replies it was scored on."""

    saved: float
    """Nats saved over all of them, less than 0 where it misleads."""
    tokens: int
    """Its length, as budgets count it."""
    n: int
    """Replies it was scored on."""

    @property
    def per_token(self) -> float:
        """Nats saved for each token of a manual that it takes."""
        return self.saved / max(1, self.tokens)


def item_of(pair: Pair, manual: str) -> Item:
    """A reply after a manual (may be empty) and the conversation."""
    talk = conversation_text(pair.x[-MAX_TURNS:])
    before = f"{manual}\n" if manual else ""
    return Item(f"{before}Conversation\n{talk}Agent:", f" {pair.y}")


async def score_replies(scorer: Scorer, pairs: Sequence[Pair], manual: str) -> list[float]:
    """Log-probability of each reply in nats, after the manual."""
    return [score.total for score in await scorer.score([item_of(pair, manual) for pair in pairs])]


async def measure(
    scorer: Scorer, title: str, witnesses: Mapping[str, Sequence[Pair]], lengths: Mapping[str, int]
) -> dict[str, Worth]:
    """Score texts, each as the only claim of a manual, against no claim at all.

    Args:
        scorer: the model.
        title: of the article that they would stand in; the empty article has it too, so that only the claim counts.
        witnesses: for each text the pairs it is scored on, none of a call that it comes from.
        lengths: tokens of each text.
    """
    pairs = {pair.id: pair for group in witnesses.values() for pair in group}
    empty = await score_replies(scorer, list(pairs.values()), claims_text(title, []))
    without = dict(zip(pairs, empty, strict=True))
    items = [(text, pair) for text, group in witnesses.items() for pair in group]
    scores = await scorer.score([item_of(pair, claims_text(title, [text])) for text, pair in items])
    saved = dict.fromkeys(witnesses, 0.0)
    for (text, pair), score in zip(items, scores, strict=True):
        saved[text] += score.total - without[pair.id]
    return {text: Worth(saved[text], lengths[text], len(group)) for text, group in witnesses.items()}
