"""Faults between a claim and what it cites: a source that does not exist, a value that it does not have."""

from __future__ import annotations

from collections.abc import Iterator

from reer.lint import Fault
from reer.lint_book import Book, Told, Wording, share_in
from reer.lint_values import same_measure
from reer.manual import Source
from reer.numerals import canonical, find_numbers
from reer.pairs import Pair
from reer.slots import THINGS, Slot

SUPPORT = 0.25
"""Share of a claim's words that one of its sources must have when they share no value."""


def find_no_source(book: Book) -> Iterator[Fault]:
    """A quoted source that does not exist or reads otherwise, or that has nothing of what the claim says."""
    said = {pair.id: pair for pair in book.pairs.pairs} if book.pairs else {}
    repeated = set(book.pairs.repeated) if book.pairs else set()
    for page, article in book.articles:
        for source in article.sources:
            problem = None if book.pairs is None or source.pair in repeated else _unlike(source, said.get(source.pair))
            if problem:
                citing = tuple(told for told in book.told if told.page is page and source.id in told.claim.sources)
                line = page.line_of(f"[^{source.id}]:")
                message = f"source {source.id!r}: {problem}; correct the source, or remove what rests on it"
                about = f"{source.id} {source.pair} {source.quote}"
                yield Fault(page, message, citing, line=line, about=about)
    for told in book.told:
        if not any(_supports(told, quote) for quote in told.quotes):
            message = f"none of its sources ({', '.join(told.claim.sources)}) speaks of this; cite the one that does"
            yield Fault(told.page, message, (told,), about="\n".join(quote.text for quote in told.quotes))


def find_not_in_source(book: Book) -> Iterator[Fault]:
    """A value that none of the claim's sources has."""
    for told in book.told:
        heard = [slot for quote in told.quotes for slot in quote.slots]
        text = " ".join(quote.text for quote in told.quotes).lower()
        for slot in told.own.slots:
            if not _is_heard(slot, heard, text):
                here = told.text[slot.start : slot.end]
                there = ", ".join(dict.fromkeys(_words_of(told, slot.kind))) or "none of that kind"
                message = f"{here!r} is in none of its sources (they say: {there}); correct it, or cite who says so"
                yield Fault(told.page, message, (told,), about=here)


def _unlike(source: Source, pair: Pair | None) -> str | None:
    """How a source differs from the pair that it names; None when it does not."""
    if pair is None:
        return f"there is no pair {source.pair!r}"
    if (pair.conversation, pair.turn) != (source.conversation, source.turn):
        return (
            f"pair {pair.id!r} is turn {pair.turn} of {pair.conversation!r},"
            f" not turn {source.turn} of {source.conversation!r}"
        )
    if _folded(source.quote) not in _folded(pair.y):
        return f"{source.quote[:60]!r} does not stand in the reply of pair {pair.id!r}"
    day = pair.date.isoformat() if pair.date else None
    if source.date is not None and source.date != day:
        return f"pair {pair.id!r} was said on {day or 'a day that is not known'}, not on {source.date}"
    return None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _supports(told: Told, quote: Wording) -> bool:
    """Whether a source says something of the claim: a value of it, or enough of its words."""
    values = {slot.content for slot in told.own.slots if slot.kind != "count"}
    shared = values & {slot.content for slot in quote.slots}
    return bool(shared) or not told.own.words or share_in(told.text, quote.text) >= SUPPORT


def _is_heard(slot: Slot, heard: list[Slot], text: str) -> bool:
    """Whether sources have a value, in whatever unit: a wrong unit is another fault."""
    if slot.kind in THINGS:
        return all(word.rstrip("s") in text for word in slot.value.split() if len(word) > 3)
    numbers = {canonical(number.value) for number in find_numbers(text)}
    if slot.kind == "hour":
        hour, minute = map(int, slot.value.split(":"))
        bare = not minute and (str(hour) in numbers or str(hour % 12) in numbers)
        return bare or any(other.value == slot.value for other in heard)
    if slot.kind == "date":
        return any(other.kind == "date" and other.value.endswith(slot.value[-5:]) for other in heard)
    measures = {same_measure(other) for other in heard}
    return slot.value in numbers or any(slot.value == other.value for other in heard) or same_measure(slot) in measures


def _words_of(told: Told, kind: str) -> Iterator[str]:
    """Values of a kind as the sources word them."""
    for quote in told.quotes:
        yield from (quote.text[slot.start : slot.end] for slot in quote.slots if slot.kind == kind)
