"""The checkable parts of a statement, read by code: amounts, rates, spans of time, dates, hours, counts, things named.

A slot is where it stands, its kind, and its value in one form: "twelve business days" and "12 business days" are both
`12` `business days`. Two statements about the same thing contradict each other when their slots differ, and a reply's
slots are the part of it that must be right.

    read_slots("Within twelve business days, for 4.90 euros.")
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from reer.numerals import Number, canonical, find_numbers

Kind = Literal["amount", "rate", "span", "date", "hour", "count", "document", "channel"]
THINGS: frozenset[Kind] = frozenset({"document", "channel"})
"""Kinds that are named, not valued, and of which there may be several: a passport and a payslip."""
MONEY: frozenset[Kind] = frozenset({"amount", "rate"})
"""Kinds that reckon money."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One checkable part of a text."""

    start: int
    end: int
    """One past its last character, its unit included."""
    kind: Kind
    value: str
    """A number without trailing zeros, a date as MM-DD or YYYY-MM-DD, an hour as HH:MM, or the thing's name."""
    unit: str = ""

    @property
    def content(self) -> tuple[str, str]:
        """What must agree for two slots to say the same."""
        return self.value, self.unit


_NAMES = """january february march april may june july august september october november december"""
_MONTHS = {name: number for number, name in enumerate(_NAMES.split(), start=1)}
_MONTH = "|".join(_MONTHS)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b(?:,? (\d{{4}})\b)?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:, (\d{{4}})\b)?", re.IGNORECASE)
_ISO = re.compile(r"(?<![\w.-])\d{4}-\d{2}-\d{2}(?![\w-])")
_CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d{2}))? ?(o'clock|a\.?m\b\.?|p\.?m\b\.?|hours\b(?= (?:sharp|in the)))|\b(\d{1,2}):(\d{2})\b",
    re.IGNORECASE,
)
_PAST = re.compile(r"\bhalf past (\w+)|\b(\w+) o'clock", re.IGNORECASE)

_UNITS: tuple[tuple[Kind, str, str], ...] = (
    ("amount", r" ?(?:(?:euros?|eur)\b|€)", "EUR"),
    ("amount", r" ?(?:(?:(?:US )?dollars?|usd)\b|\$(?!\d))", "USD"),
    ("amount", r" ?(?:gbp\b|£(?!\d))", "GBP"),
    ("amount", r" ?(?:(?:swiss )?francs?|chf)\b", "CHF"),
    ("amount", r" ?cents?\b", "cent"),
    ("rate", r" ?(?:percent|per cent|%)(?: points?)?", "%"),
    ("span", r"[ -](?:business|working|banking) days?\b", "business days"),
    ("span", r"[ -](?:calendar )?days?\b", "days"),
    ("span", r"[ -]weeks?\b", "weeks"),
    ("span", r"[ -]months?\b", "months"),
    ("span", r"[ -]years?\b", "years"),
    ("span", r"[ -]hours?\b", "hours"),
    ("span", r"[ -]minutes?\b", "minutes"),
)
_UNIT = re.compile("|".join(f"(?P<u{place}>{pattern})" for place, (_, pattern, _) in enumerate(_UNITS)), re.IGNORECASE)
_SIGN = re.compile(r"(?:(?P<EUR>€|\bEUR)|(?P<USD>\$|\bUSD)|(?P<GBP>£|\bGBP)|(?P<CHF>\bCHF)) ?$")
_CODE_TAIL = re.compile(r"[A-Za-z]+\d|[A-Z]{4}")
"""What follows the digits that a code begins with, as in 4OG6T3; a code counts nothing."""

_DOCUMENTS = (
    "passport|identity card|id card|driving licen[cs]e|residence permit|birth certificate|death certificate"
    r"|certificate of \w+|payslip|tax return|tax assessment|tax number|bank statement|land register extract"
    r"|powers? of attorney|invoice|receipt|police report|proof of \w+"
)
_CHANNELS = (
    "(?:in|at) (?:a|the|any|your) (?:branch|counter|notary)|by post|by e-?mail|by phone|(?:in|through|via|by) the app"
    "|online banking|video (?:call|identification)|hotline|in writing|in person"
)
_NAMED: tuple[tuple[Kind, str], ...] = (("document", _DOCUMENTS), ("channel", _CHANNELS))
_THING = [(kind, re.compile(rf"\b(?:{pattern})s?\b", re.IGNORECASE)) for kind, pattern in _NAMED]


def read_slots(text: str) -> tuple[Slot, ...]:
    """All slots in reading order; of two that overlap, the first read stays: dates and hours before plain numbers."""
    found: list[Slot] = []
    for slot in (*_dates(text), *_hours(text), *_numbers(text), *_things(text)):
        if all(slot.end <= other.start or slot.start >= other.end for other in found):
            found.append(slot)
    return tuple(sorted(found, key=lambda slot: slot.start))


def contents(slots: Iterable[Slot]) -> frozenset[tuple[str, str]]:
    """What a text's slots say, without where."""
    return frozenset(slot.content for slot in slots)


def _dates(text: str) -> Iterator[Slot]:
    for match in _ISO.finditer(text):
        if _is_day(match[0]):
            yield Slot(match.start(), match.end(), "date", match[0])
    for match in _DAY_FIRST.finditer(text):
        yield _date(match, match[3], match[2], match[1])
    for match in _MONTH_FIRST.finditer(text):
        yield _date(match, match[3], match[1], match[2])


def _date(match: re.Match[str], year: str | None, month: str, day: str) -> Slot:
    value = f"{_MONTHS[month.lower()]:02d}-{int(day):02d}"
    return Slot(match.start(), match.end(), "date", f"{year}-{value}" if year else value)


def _is_day(text: str) -> bool:
    """Whether an ISO date is in the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _hours(text: str) -> Iterator[Slot]:
    for match in _CLOCK.finditer(text):
        hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
        half = (match[3] or "").lower()[:1]
        hour = hour % 12 + (12 if half == "p" else 0) if half in ("a", "p") else hour
        yield Slot(match.start(), match.end(), "hour", f"{hour:02d}:{minute:02d}")
    for match in _PAST.finditer(text):
        spoken = find_numbers((match[1] or match[2]).lower())
        if spoken:
            yield Slot(match.start(), match.end(), "hour", f"{int(spoken[0].value):02d}:{30 if match[1] else 0:02d}")


def _numbers(text: str) -> Iterator[Slot]:
    numbers = find_numbers(text)
    for place, number in enumerate(numbers):
        unit = _UNIT.match(text, number.end)
        sign = _SIGN.search(text, 0, number.start)
        if unit:
            kind, _, name = next(_UNITS[i] for i in range(len(_UNITS)) if unit[f"u{i}"])
            rest = _rest(text, unit.end(), numbers[place + 1 :]) if kind == "amount" and name != "cent" else None
            if rest:
                yield Slot(number.start, rest[1], kind, canonical(number.value + rest[0]), name)
            else:
                yield _in_one_unit(number, unit.end(), kind, name)
        elif sign:
            yield Slot(sign.start(), number.end, "amount", canonical(number.value), str(sign.lastgroup))
        elif not _is_filler(text, number) and not _CODE_TAIL.match(text, number.end):
            yield Slot(number.start, number.end, "count", canonical(number.value))


def _rest(text: str, end: int, later: list[Number]) -> tuple[Decimal, int] | None:
    """The fifty of "nine euros fifty", as euros and where it ends; None when what follows is a number of its own."""
    if not later or text[end : later[0].start] not in (" ", " and ") or not 1 <= later[0].value < 100:
        return None
    unit = _UNIT.match(text, later[0].end)
    cents = unit is not None and unit[0].strip().startswith("cent")
    bare = unit is None and text[end : later[0].start] == " " and later[0].value >= 5
    return (later[0].value / 100, unit.end() if unit else later[0].end) if cents or bare else None


def _in_one_unit(number: Number, end: int, kind: Kind, unit: str) -> Slot:
    """Cents are euros, a fortnight is not asked for."""
    if unit == "cent":
        return Slot(number.start, end, kind, canonical(number.value / Decimal(100)), "EUR")
    return Slot(number.start, end, kind, canonical(number.value), unit)


def _is_filler(text: str, number: Number) -> bool:
    """Whether it counts nothing, as in "the blue one"."""
    return text[number.start : number.end].lower() in {"one", "zero"}


def _things(text: str) -> Iterator[Slot]:
    for kind, pattern in _THING:
        for match in pattern.finditer(text):
            yield Slot(match.start(), match.end(), kind, re.sub(r"\s+", " ", match[0].lower()).removesuffix("s"))
