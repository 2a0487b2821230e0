"""Faults that a value shows by itself: units that do not go together, dates, hours and shares that cannot be."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from reer.lint import Fault
from reer.lint_book import Book, Told
from reer.lint_pages import instant_or_none
from reer.numerals import canonical
from reer.slots import MONEY, Slot, read_slots

_CURRENCIES = {
    "EUR": r"€|\beuros?\b|\bEUR\b",
    "USD": r"\$|\bUSD\b|\bdollars?\b",
    "GBP": r"£|\bGBP\b|\bpounds?\b|\bsterling\b",
    "CHF": r"\bCHF\b|\bfrancs?\b",
    "JPY": r"¥|\bJPY\b|\byen\b",
    "CNY": r"\bCNY\b|\bRMB\b|\byuan\b|\brenminbi\b",
    "SEK": r"\bSEK\b|\bkronor\b",
    "PLN": r"\bPLN\b|\bz[lł]oty\b",
}
_CURRENCY = {code: re.compile(pattern, re.IGNORECASE) for code, pattern in _CURRENCIES.items()}
_SPAN = r"(?:(?:business|working|banking|calendar) )?(?:days?|weeks?|months?|years?|hours?|minutes?)"
_MONEY = r"(?:euros?|EUR|€|dollars?|USD|\$|pounds?|GBP|£|francs?|CHF|cents?)"
_SHARE = r"(?:percent|per cent|%)"
_NUMBER = r"\d[\d.,]*"
_SIGNED = re.compile(rf"[$€£¥] ?{_NUMBER} ?(?:{_SPAN}\b|{_SHARE})", re.IGNORECASE)
_PRICE_OF_TIME = re.compile(rf"(?<![\d.,])\d+[.,]\d\d[ -]{_SPAN}\b", re.IGNORECASE)
_SECOND_UNIT = re.compile(rf" ?(?:{_MONEY}(?!\w)|{_SHARE}(?!\w)|(?<!-){_SPAN}\b(?!-))", re.IGNORECASE)
_NEGATIVE = re.compile(rf"(?<![\w.,)-])(?<!\d )(?:[-−–]|minus ){_NUMBER}[ -]{_SPAN}\b", re.IGNORECASE)
_NUMERIC_DATE = re.compile(
    r"(?<![\d.])(?:(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})|(?P<d2>\d{1,2})([./])(?P<m2>\d{1,2})\5(?P<y2>\d{4}))(?!\d)"
)
_PERIOD = re.compile(
    r"[^,;.]{0,14}?\b(?:a|per|each|every|in (?:a|each|every)|/) ?(?:calendar )?(day|week|month|year)\b", re.IGNORECASE
)
_PERIODS = re.compile(
    r"\b(?:(?:a|per|each|every|in one|/) ?(?:calendar |single )?(day|week|month|year)"
    r"|(dai|week|month|year|annual|quarter)ly|annual)\b",
    re.IGNORECASE,
)
_SHORT_MONTH = re.compile(r"\b(jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?", re.IGNORECASE)
_LONG_MONTH = {name[:3].lower(): name for name in calendar.month_name if name}
_HALF_DAY = re.compile(r"\b(?:1[3-9]|[2-9]\d|0)(?::\d\d)? ?[ap]\.?m\b", re.IGNORECASE)
_GROWTH = re.compile(
    r"\b(?:gr[eo]w\w*|ris\w+|rose|increas\w+|gain\w*|return\w*|profit\w*|inflation|up by|went up|times|compared)\b",
    re.IGNORECASE,
)
_MINUTES = {"minutes": 1, "hours": 60, "days": 1440, "weeks": 10080}
_MONTHS = {"months": 1, "years": 12}


def find_units(book: Book) -> Iterator[Fault]:
    """Units that do not go together, that differ from the source, are missing, or a currency nobody spoke of."""
    main = _main_currency(book)
    for told in book.told:
        if clash := _clash(told.text):
            yield Fault(told.page, f"{clash!r} has units that do not go together; {_LOOK}", (told,), about=clash)
        elif foreign := _foreign(told, main):
            said = f"speaks of {foreign}, its sources do not; {_LOOK}"
            yield Fault(told.page, said, (told,), about=foreign)
        else:
            yield from _unlike_source(told)
            yield from _unlike_period(told)


_LOOK = "correct the claim, or cite the source that says so"


def find_impossible(book: Book) -> Iterator[Fault]:
    """Dates, hours, shares and spans that cannot be."""
    for told in book.told:
        for value, why in _impossible(told.text):
            yield Fault(told.page, f"{value!r} cannot be: {why}; correct the claim", (told,), about=value)
        if told.claim.until is not None and instant_or_none(told.claim.until) is None:
            said = f"'until {told.claim.until}' cannot be: no such day; correct the date"
            yield Fault(told.page, said, (told,), about=told.claim.until)
    for page, article in book.articles:
        moments = {"stale_after": article.stale_after, "generated": article.generated_at}
        moments |= {f"source {source.id!r}": source.date for source in article.sources}
        for name, moment in moments.items():
            if moment and instant_or_none(moment) is None:
                start = f"- id: {name.split(chr(39))[1]}" if name.startswith("source") else f"{name}:"
                said = f"{name} has {moment!r}, which cannot be: no such moment; correct it"
                yield Fault(page, said, line=page.line_of(start), about=f"{name} {moment}")


def same_measure(slot: Slot) -> tuple[str, str]:
    """What a slot says in one unit: two weeks are 14 days, two years 24 months."""
    for name, factors in (("minutes", _MINUTES), ("months", _MONTHS)):
        if slot.unit in factors:
            return canonical(Decimal(slot.value) * factors[slot.unit]), name
    return slot.content


def _clash(text: str) -> str | None:
    """A number with two units, or a span of time written like a price."""
    if match := _SIGNED.search(text) or _PRICE_OF_TIME.search(text):
        return match[0]
    for slot in read_slots(text):
        if slot.unit and (second := _SECOND_UNIT.match(text, slot.end)):
            return text[slot.start : second.end()]
    return None


def _main_currency(book: Book) -> str | None:
    """The currency that most sources speak of."""
    quotes = [source.quote for _, article in book.articles for source in article.sources]
    counts = Counter(code for quote in quotes for code in currencies(quote))
    return counts.most_common(1)[0][0] if counts else None


def currencies(text: str) -> set[str]:
    """Codes of the currencies that a text speaks of."""
    return {code for code, pattern in _CURRENCY.items() if pattern.search(text)}


def _foreign(told: Told, main: str | None) -> str | None:
    """A currency of the claim that its sources do not have; the manual's own may be added where they have none."""
    spoken = set().union(*(currencies(quote.text) for quote in told.quotes))
    new = currencies(told.text) - spoken
    return next((code for code in sorted(new) if code != main or spoken), None)


def _unlike_source(told: Told) -> Iterator[Fault]:
    """Values that the sources have with another unit only, or with one where the claim has none."""
    heard = [slot for quote in told.quotes for slot in quote.slots]
    measures = {same_measure(slot) for slot in heard}
    own = {slot.value for slot in told.own.slots if slot.unit}
    for slot in told.own.slots:
        units = sorted({other.unit for other in heard if other.value == slot.value})
        if slot.kind not in ("amount", "rate", "span", "count") or not units or "" in units:
            continue
        if same_measure(slot) in measures or (not slot.unit and slot.value in own):
            continue
        there = " or ".join(f"{slot.value} {unit}" for unit in units)
        here = told.text[slot.start : slot.end]
        said = (
            f"{here!r} has no unit, its source says {there}" if not slot.unit else f"{here!r}, its source says {there}"
        )
        yield Fault(told.page, f"{said}; {_LOOK}", (told,), about=here)


def _unlike_period(told: Told) -> Iterator[Fault]:
    """Amounts and rates a month that the sources have a year, or for no period at all that the sources have for one."""
    for slot in told.own.slots:
        there = [
            _period(quote.text, other)
            for quote in told.quotes
            for other in quote.slots
            if other.content == slot.content and slot.kind in MONEY
        ]
        here = _period(told.text, slot)
        if not there or None in there or here in there or (here is None and _PERIODS.search(told.text)):
            continue
        said = f"{told.text[slot.start : slot.end]!r} {f'a {here}' if here else 'for no period'}"
        message = f"{said}, its source says a {' or '.join(sorted({str(period) for period in there}))}; {_LOOK}"
        yield Fault(told.page, message, (told,), about=said)


def _period(text: str, slot: Slot) -> str | None:
    """The day, week, month or year that a value is for, as in "5 euros a month"."""
    match = _PERIOD.match(text, slot.end)
    return match[1].lower() if match else None


def _impossible(text: str) -> Iterator[tuple[str, str]]:
    """Each value that cannot be, with why."""
    text = _SHORT_MONTH.sub(lambda match: _LONG_MONTH[match[1][:3].lower()], text)
    for slot in read_slots(text):
        said = text[slot.start : slot.end]
        if slot.kind == "date" and (why := _no_day(slot.value)):
            yield said, why
        elif slot.kind == "hour" and not _is_hour(slot.value):
            yield said, "a day has 24 hours of 60 minutes"
        elif slot.kind == "rate" and Decimal(slot.value) > 100 and not _GROWTH.search(text):
            yield said, "a share ends at 100"
    for match in _NUMERIC_DATE.finditer(text):
        year, month, day = (match[a] or match[b] for a, b in (("y", "y2"), ("m", "m2"), ("d", "d2")))
        if why := _no_day(f"{year}-{int(month):02d}-{int(day):02d}"):
            yield match[0], why
    for match in _HALF_DAY.finditer(text):
        yield match[0], "half a day has 12 hours"
    for match in _NEGATIVE.finditer(text):
        yield match[0].strip(), "a span is not negative"


def _no_day(value: str) -> str | None:
    """Why a date, MM-DD or YYYY-MM-DD, cannot be."""
    *years, month, day = map(int, value.split("-"))
    if not 1 <= month <= 12:
        return "a year has 12 months"
    days = calendar.monthrange(years[0] if years and years[0] else 2024, month)[1]
    return None if 1 <= day <= days else f"that month has {days} days"


def _is_hour(value: str) -> bool:
    hour, minute = map(int, value.split(":"))
    return (hour < 24 and minute < 60) or (hour, minute) == (24, 0)
