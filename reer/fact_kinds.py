"""What kind of fact a sentence states, by its first sign: an exception, a limit, a value, a thing, a condition.

Small, and honest about it: a sentence with a limit and a deadline is a limit. Nothing is decided by a kind; it sorts.

    kind_of("A new card takes at most 5 business days.")  # "deadline"
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from reer.lint_bounds import bound_of
from reer.slots import MONEY, Slot, read_slots

FactKind = Literal["rule", "condition", "amount", "limit", "deadline", "document", "channel", "exception"]
KINDS: tuple[FactKind, ...] = get_args(FactKind)

_EXCEPTION = re.compile(r"\b(?:unless|except(?:ions?)?|other than|apart from)\b|除非|除外|例外|除了", re.IGNORECASE)
_DEADLINE = re.compile(
    r"\b(?:deadline|within|no later than|at the latest|until|till)\b|截止|以内|之前|最晚", re.IGNORECASE
)
_LIMIT = re.compile(
    r"\b(?:limits?|limited|at (?:least|most)|maximum|minimum|up to|(?:no|not|n't) more than|no less than)\b"
    r"|最多|至多|最高|至少|最低|限额|不超过",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|provided|as long as|as soon as|in case|once)\b|如果|只要|若", re.IGNORECASE
)
_TIMES = ("span", "date", "hour")


def kind_of(text: str, slots: Sequence[Slot] | None = None) -> FactKind:
    """The kind of fact that a sentence states; a rule where nothing tells.

    Args:
        text: the sentence.
        slots: of it, where they are read already.
    """
    slots = read_slots(text) if slots is None else slots
    kinds = {slot.kind for slot in slots}
    timed = not kinds.isdisjoint(_TIMES)
    counted = [slot for slot in slots if slot.kind in (*MONEY, "count")]
    limits = any(bound_of(text, slot) for slot in counted) or (bool(_LIMIT.search(text)) and not timed)
    signs: tuple[tuple[FactKind, bool], ...] = (
        ("exception", _EXCEPTION.search(text) is not None),
        ("limit", limits),
        ("amount", not kinds.isdisjoint(MONEY)),
        ("deadline", timed or _DEADLINE.search(text) is not None),
        ("document", "document" in kinds),
        ("channel", "channel" in kinds),
        ("condition", _CONDITION.search(text) is not None),
    )
    return next((kind for kind, seen in signs if seen), "rule")
