"""How close an answer is to the reply that an expert gave: its characters, its meaning, and the facts in it.

chrF counts shared stretches of characters (Popović 2015), which sees wording; the cosine of text embeddings sees
paraphrase, and neither sees a wrong fee. So the slots of both are compared one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lm.encoder import Encode
from reer.slots import Slot, read_slots

CHRF_ORDER = 6
CHRF_BETA = 2.0
"""Recall counts this much more than precision."""


@dataclass(frozen=True, slots=True)
class SlotMatch:
    """The slots of an answer against those of the reply."""

    right: int
    """In both, with the same value."""
    wrong: int
    """In the answer, with a value that the reply does not have, where the reply has one of that kind and unit."""
    missing: int
    """In the reply only."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How close one answer is."""

    chrf: float
    """0 to 1."""
    cosine: float
    """-1 to 1, in practice above 0."""
    slots: SlotMatch

    @property
    def similarity(self) -> float:
        """Wording and meaning, half each."""
        return (self.chrf + self.cosine) / 2


def compare(answers: Sequence[str], replies: Sequence[str], encode: Encode) -> list[Likeness]:
    """Compare answers with replies, one by one."""
    a, b = encode(list(answers)), encode(list(replies))
    return [
        Likeness(chrf(answer, reply), float(a[place] @ b[place]), match_slots(answer, reply))
        for place, (answer, reply) in enumerate(zip(answers, replies, strict=True))
    ]


def chrf(answer: str, reply: str) -> float:
    """chrF2 of one answer, 0 to 1: F of character n-grams up to six, recall counting twice; spaces do not count."""
    found, asked = "".join(answer.split()), "".join(reply.split())
    precision = recall = 0.0
    orders = 0
    for n in range(1, CHRF_ORDER + 1):
        a, b = _ngrams(found, n), _ngrams(asked, n)
        if not a or not b:
            continue
        shared = (a & b).total()
        precision += shared / a.total()
        recall += shared / b.total()
        orders += 1
    if not orders or not precision + recall:
        return 0.0
    precision, recall, weight = precision / orders, recall / orders, CHRF_BETA**2
    return (1 + weight) * precision * recall / (weight * precision + recall)


def match_slots(answer: str, reply: str) -> SlotMatch:
    """Compare what is checkable in the two."""
    said, wanted = _values(answer), _values(reply)
    kinds = {(slot.kind, slot.unit) for slot in wanted.values()}
    wrong = sum((slot.kind, slot.unit) in kinds for content, slot in said.items() if content not in wanted)
    right = len(said.keys() & wanted.keys())
    return SlotMatch(right, wrong, len(wanted) - right)


def _ngrams(text: str, n: int) -> Counter[str]:
    return Counter(text[start : start + n] for start in range(len(text) - n + 1))


def _values(text: str) -> dict[tuple[str, str], Slot]:
    return {slot.content: slot for slot in read_slots(text)}
