"""Which way a value bounds: "at least 25 euros" and "25 euros or more" are not 25 euros.

bound_of("At most 4 business days.", slot)  # "most"
"""

from __future__ import annotations

import re
from typing import Literal

from reer.slots import Slot

Bound = Literal["least", "most", ""]

_BEFORE, _AFTER = 28, 22
"""Characters around a value in which its bound is looked for, as far as there is no comma between."""
_WORDS: dict[Bound, tuple[str, str]] = {
    "least": (
        r"at (?:the )?(?:very )?least|minimum|(?:no|not) less than|more than|over|above|beyond|starts? (?:at|with)"
        r"|begins? (?:at|with)|from",
        r"or (?:more|older|later)|at (?:the )?(?:very )?least|minimum|upwards?|and (?:more|over|older)|onwards?"
        r"|on(?=[,;.]|$)",
    ),
    "most": (
        r"at (?:the )?(?:very )?most|maximum|up to|(?:no|not) (?:more|longer|later|older) than|within|under|below"
        r"|less than|fewer than|limit\w*|ends? at|not (?:go )?beyond|latest|until|till|by|before",
        r"or (?:less|fewer|younger)|at (?:the )?(?:very )?(?:most|latest)|maximum|and (?:no|not) more|tops",
    ),
}
_PATTERNS = {
    name: (
        re.compile(rf"\b(?:{before})\b[^,;.]*$", re.IGNORECASE),
        re.compile(rf"[^,;.]{{0,14}}\b(?:{after})(?!\w)", re.IGNORECASE),
    )
    for name, (before, after) in _WORDS.items()
}


def bound_of(text: str, slot: Slot) -> Bound:
    """Which way a value of a text bounds; empty when it is just the value."""
    before, after = text[max(0, slot.start - _BEFORE) : slot.start], text[slot.end : slot.end + _AFTER]
    near: dict[int, Bound] = {}
    for name, (ahead, behind) in _PATTERNS.items():
        if match := ahead.search(before):
            near[len(before) - match.start()] = name
        if match := behind.match(after):
            near[match.end()] = name
    return near[min(near)] if near else ""
