"""A bank with five rules, said by some and echoed in the questions of others, and an article that needs every edit.

An echo is no statement (it ends with a question mark), so it is cited nowhere and can judge every claim.
"""

from __future__ import annotations

from collections.abc import Sequence

from lm.base import Request
from reer.manual import Article, Claim, Source
from reer.pairs import Pair
from tests.reer.builders import make_pair

FEE = "A lost card costs 12 euros."
BLOCK = "You can block a card in the app."
LIMIT = "Your daily limit is 900 euros."
OLD, NEW = "A card is renewed every 3 years.", "A card is renewed every 4 years."
TALK = "Storks nest on chimneys."
TIRES = 0.002
"""Nats that a word of the article costs a word of a reply, so that what helps nobody is better left out."""


def echoes(rule: str, first: int, count: int = 4) -> list[Pair]:
    return [make_pair(n, f"{rule[:-1]}, is that fine with you, number {n}?") for n in range(first, first + count)]


PAIRS = [
    make_pair(1, FEE, day="2026-02-01"),
    make_pair(2, f"So {FEE.lower()}", day="2026-02-02"),
    *echoes(FEE, 3),
    make_pair(11, BLOCK, day="2026-02-03"),
    make_pair(12, f"Sure, {BLOCK.lower()}", day="2026-02-04"),
    *echoes(BLOCK, 13),
    make_pair(21, LIMIT, day="2026-02-05"),
    make_pair(22, "Well, as far as I remember your daily limit is 900 euros.", day="2026-02-06"),
    *echoes(LIMIT, 23),
    make_pair(31, OLD, day="2025-01-01"),
    make_pair(32, NEW, day="2026-01-01"),
    make_pair(33, f"So {NEW.lower()}", day="2026-01-02"),
]


def heard(pair: int, quote: str, note: int) -> Source:
    return Source(f"s{note}", f"p{pair}", f"call{pair}", 2, quote, "agent-a", "2026-02-01")


def make_article(*said: tuple[str, int], category: str = "cards") -> Article:
    """An article of claims, each heard in one reply, in its own words where the pairs have no others."""
    sources = tuple(heard(pair, words_of_pair(pair, text), note) for note, (text, pair) in enumerate(said, 1))
    claims = tuple(Claim(f"c{note}", text, (f"s{note}",)) for note, (text, _pair) in enumerate(said, 1))
    moment = "2026-06-25T09:00:00+00:00"
    return Article(category, category.title(), f"All about {category}.", claims, sources, "test", moment)


def words_of_pair(number: int, text: str) -> str:
    """The statement that a reply makes, as the citation of it has it."""
    from reer.statements import find_statements

    said = [find_statements(pair) for pair in PAIRS if pair.id == f"p{number}"]
    return said[0][0].text if said and said[0] else text


ARTICLE = make_article(
    (TALK, 41),
    (BLOCK, 11),
    ("In the app you can block a card.", 12),
    ("As far as I remember your daily limit is 900 euros.", 22),
    (OLD, 31),
)
"""Small talk, a rule twice, a rule in too many words, a rule that is out of date; and the fee is missing."""


def parrot(request: Request) -> str:
    """Answers with the manual's words, however little they fit."""
    return request.messages[-1].content


def texts(article: Article, *, ended: bool = False) -> Sequence[str]:
    return [claim.text for claim in article.claims if (claim.until is not None) == ended]
