"""Conditions that the words of a source have and the claim made from them has dropped.

Only a claim that keeps most of its words from the source is compared: one that was worded anew may say the condition in
a way that no list of words knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reer.lint import Fault
from reer.lint_book import Book, Told, share_in, stems
from reer.lint_bounds import bound_of
from reer.lint_values import same_measure
from reer.slots import Slot, read_slots

DERIVED = 0.75
"""Share of a claim's words that a source must have for the claim to be made from it."""
KEPT = 0.4
"""Share of a clause's words that a claim must have to hold the clause."""

_CLAUSES = {
    "if": r"(?<!even )(?<!as )(?:if|when|whenever|where|provided|as long as|as soon as|once|in case|should you"
    r"|those who)",
    "unless": r"unless|except|other than|apart from|but not|without",
    "until": r"until|till|before|after|as of|from(?= [^.,;]{1,40}? on(?:wards?)?\b)",
}
_CLAUSE = {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in _CLAUSES.items()}
_END = re.compile(r"[,;:.!?–]|\b(?:and|but|so|then)\b")
_ONLY = re.compile(r"\b(?:only|exclusively|solely)\b(?! (?:have|has|had|need|needs|got|want)\b)", re.IGNORECASE)
_LIMIT = re.compile(r"\b(?:at least|at most|up to|no more than|not more than)\b", re.IGNORECASE)
_NO = re.compile(r"\b(?:no|not|never|nothing|nobody|none|unless|except|cannot|must|always|just)\b|n't\b", re.IGNORECASE)


def find_lost_conditions(book: Book) -> Iterator[Fault]:
    """A condition or a bound that the cited words have and the claim has dropped."""
    for told in book.current:
        quote = max((quote.text for quote in told.quotes), key=lambda quote: share_in(told.text, quote))
        if share_in(told.text, quote) < DERIVED or quote.casefold() == told.text.casefold():
            continue
        others = " ".join(each.text for each in book.current if _shares_source(each, told))
        lost = dict.fromkeys([*lost_clauses(quote, told.text), *lost_bounds(quote, told.text)])
        if missing := [repr(part) for part in lost if part.casefold() not in others.casefold()]:
            parts = " and ".join(missing)
            yield Fault(
                told.page,
                f"its source says {parts}, the claim does not; take the condition back in",
                (told,),
                about=parts,
            )


def _shares_source(other: Told, told: Told) -> bool:
    return other.page is told.page and other is not told and bool({*other.claim.sources} & {*told.claim.sources})


def lost_clauses(quote: str, claim: str) -> Iterator[str]:
    """Clauses of a quote whose words the claim lacks, where it has fewer clauses of the kind than the quote."""
    kept = set(stems(claim))
    values = {same_measure(slot) for slot in read_slots(claim)}
    for pattern in _CLAUSE.values():
        if len(pattern.findall(claim)) >= len(pattern.findall(quote)):
            continue
        for match in pattern.finditer(quote):
            end = _END.search(quote, match.end())
            clause = quote[match.start() : end.start() if end else len(quote)].strip()
            words = set(stems(clause)) - set(stems(match[0]))
            bounded = {same_measure(slot) for slot in read_slots(clause)}
            if bounded - values or len(words & kept) < KEPT * len(words) or not words | bounded:
                yield clause


def lost_bounds(quote: str, claim: str) -> Iterator[str]:
    """Bounds of values, and words such as "only", that the claim lacks."""
    ours = {same_measure(slot): bound_of(claim, slot) for slot in read_slots(claim)}
    for slot in read_slots(quote):
        bound = bound_of(quote, slot)
        if bound and ours.get(same_measure(slot), bound) == "":
            yield _around(quote, slot)
        elif bound == "most" and slot.kind == "span" and same_measure(slot) not in ours:
            yield f"within {quote[slot.start : slot.end]}"
    denied = len(_NO.findall(claim)) > len(_NO.findall(quote))
    if (match := _ONLY.search(quote)) and not _ONLY.search(claim) and not denied:
        yield match[0]
    if len(_LIMIT.findall(claim)) < len(_LIMIT.findall(quote)):
        lost = [m for m in _LIMIT.finditer(quote) if m[0].lower() not in claim.lower()]
        slots = [(slot.start, slot.end) for slot in read_slots(quote)]
        for match in lost:
            if not any(-4 < match.start() - end < 4 or -4 < start - match.end() < 12 for start, end in slots):
                yield match[0]


def _around(text: str, slot: Slot) -> str:
    """A value with the words next to it."""
    before, after = text[: slot.start].split(" ")[-4:], text[slot.end :].split(" ")[:4]
    return " ".join([*before, text[slot.start : slot.end], *after]).replace("  ", " ").strip(" .")
