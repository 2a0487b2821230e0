"""Statements taken from replies: what stays of a spoken answer when greeting, comfort and small talk are left out.

Nothing is worded anew, so a statement stands in its source by construction: its characters are those of the reply from
`start` to `end`. What makes it worth keeping is decided elsewhere, by what it does for other customers' replies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reer.pairs import Pair
from reer.slots import Slot, read_slots
from workbench.nearest import tokenize

MIN_WORDS, MAX_WORDS = 4, 60
"""Words of a statement; a Chinese character is a word."""
_ITEM = r"(?:[-*•#]+|\d{1,2}[.)])[ \t]"
_MARKER = re.compile(rf"[ \t]*(?:{_ITEM}[ \t]*)+")
_END = re.compile(
    r"(?<=[.!?。！？])[\"”')\]]*\s+(?=[\"“(\[]*[A-Z0-9\u00c0-\u00de\u3400-\u9fff])|(?<=[。！？])"
    rf"|\n\s*\n|\n(?=[ \t]*{_ITEM})"
)
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|approx|e\.g|i\.e|etc|vs|p\.m|a\.m)\.$")
_OPENERS = (
    "oh|ah|well|so|now|right|okay|ok|yes|no|yeah|sure|sorry|look|listen|honestly|actually|basically|and|but|then"
    "|of course|no worries|good question|you see|you know|i see|let me see|to be honest|don't worry|i'm afraid"
)
_OPENER = re.compile(
    rf"{_ITEM}+|(?:(?:{_OPENERS})\b[,.!:] *)+|(?:so(?! far| long)|and|but|well(?! over)) +(?=\w)", re.IGNORECASE
)
_RULES = (
    r"must|have to|has to|need(?:s|ed)?|(?<!\d )may(?! \d)|can(?:'t|not)?|only|always|never|if|unless|until|within"
    "|without|at least|at most|up to|no more than|free|costs?|charge[ds]?|fee|limit|allowed|requires?|valid|expires?"
    "|first|instead|except|not possible|as soon as|before|after|per"
)
_RULE = re.compile(rf"\b(?:{_RULES})\b", re.IGNORECASE)
_OFFER = re.compile(
    r"\b(?:let (?:me|us) know|feel free|reach out|there(?:'s| is) anything else|(?:help|assist) you"
    r"|(?:further|more|other) questions|(?:further|more|additional) (?:help|assistance)"
    r"|like (?:me )?to proceed)\b",
    re.IGNORECASE,
)
"""Offers of help and requests to go on, which end every other reply and say nothing of how things are."""
_SINGLE = re.compile(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{6,}\b|\b[a-z]+_\w*\d|[\w.+-]+@\w|\bending (?:in|with) \d")
"""Codes, names of accounts, addresses, ends of card numbers: what is said of one case, nobody else's business."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A stretch of a reply that says how things are."""

    text: str
    pair: Pair
    """Where it was said: its conversation, turn and speaker are the statement's source."""
    start: int
    end: int
    """`text == pair.y[start:end]`."""
    slots: tuple[Slot, ...]
    """Offsets are those of `text`."""

    @property
    def source(self) -> str:
        """Where it was said, as footnotes name it."""
        return f"{self.pair.conversation}#{self.pair.turn}"


def find_statements(pair: Pair) -> list[Statement]:
    """The sentences of a reply that hold a slot or speak of a rule, without their openers, in reading order.

    Left out are questions, what leads in a list, offers of help, and what names a single case by its code.
    """
    found = []
    for start, end in sentences(pair.y):
        start = _skip_opener(pair.y, start, end)
        text = pair.y[start:end]
        if not MIN_WORDS <= len(tokenize(text)) <= MAX_WORDS or text.endswith(("?", ":")) or _SINGLE.search(text):
            continue
        slots = read_slots(text)
        rule = _RULE.search(text) and not _OFFER.search(text)
        if rule or (slots and not _is_entry(pair.y, start, end)):
            found.append(Statement(text, pair, start, end, slots))
    return found


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, without the space around it."""
    start = 0
    for match in _END.finditer(text):
        if not _ABBREVIATION.search(text[start : match.start()]):
            yield from _stripped(text, start, match.end())
            start = match.end()
    yield from _stripped(text, start, len(text))


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    inner = text[start:end]
    if inner.strip():
        start += len(inner) - len(inner.lstrip())
        yield start, start + len(inner.strip())


def _is_entry(text: str, start: int, end: int) -> bool:
    """Whether it is a line of a list and no sentence, as in "- Departure: 07:00", which is a detail of one case."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return bool(_MARKER.fullmatch(line)) and text[end - 1] not in ".!。！"


def _skip_opener(text: str, start: int, end: int) -> int:
    match = _OPENER.match(text, start, end)
    return match.end() if match and match.end() < end else start
