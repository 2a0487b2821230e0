"""What is open before each reply of an exam, rung by rung: the same replies, another book.

none         nothing
wrong        another category's article: any text in context lowers the loss, so this is what to beat
rote         the earlier call whose question is the same, or else nearest: the matching of questions by heart
transcripts  the nearest earlier calls, as many as fit into the article's length
first        the article as it once was
manual       the article
key          all that is true of the category: no manual can know more
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reer.categories import title_of
from reer.draft import count_words
from reer.manual import Article, claims_text, context_text
from reer.pairs import Pair, conversation_text
from workbench.errors import DataError, UsageError
from workbench.folding import fold
from workbench.jsonl import read_jsonl
from workbench.nearest import Bm25

RUNGS = ("none", "wrong", "rote", "transcripts", "first", "manual", "key")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What an exam may open."""

    articles: Mapping[str, Article]
    """The manual, by category; at least two articles."""
    first: Mapping[str, Article] = field(default_factory=dict)
    """The manual as it once was; empty leaves the rung out."""
    transcripts: Sequence[Pair] = ()
    """Earlier calls; none leaves out what retrieves them."""
    key: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """True statements by category; empty leaves the rung out."""


@dataclass(frozen=True, slots=True)
class Rote:
    """The earlier reply that a question is matched to."""

    reply: str
    how: str
    """`exact`, `normalised` or `nearest`."""
    text: str
    """The earlier call, as it is shown."""


def check_shelf(shelf: Shelf, pairs: Sequence[Pair]) -> None:
    """Refuse an exam that would prove nothing.

    Raises:
        UsageError: there is no wrong article, a reply is of no category of the manual or of a call it has seen, or the
            transcripts hold its own call alone.
    """
    if len(shelf.articles) < 2:
        raise UsageError(f"the manual has {len(shelf.articles)} article; an exam needs a wrong one to compare with")
    calls = {earlier.conversation for earlier in shelf.transcripts}
    seen = {source.conversation for article in shelf.articles.values() for source in article.sources}
    for pair in pairs:
        if pair.conversation in seen:
            raise UsageError(
                f"pair {pair.id!r} is of call {pair.conversation!r}, which the manual was built from; an exam"
                " needs calls that it has not seen"
            )
        if pair.category not in shelf.articles:
            raise UsageError(f"pair {pair.id!r} is of category {pair.category!r}, which has no article in the manual")
        if calls == {pair.conversation}:
            raise UsageError(
                f"pair {pair.id!r} is of {pair.conversation!r}, and the transcripts hold no other call; give more"
            )


def open_books(shelf: Shelf, pairs: Sequence[Pair], rote: Sequence[Rote] = ()) -> dict[str, list[str]]:
    """What is shown before each reply, by rung, in the order of `RUNGS`; `rote` is what the pairs are matched to."""
    names = list(shelf.articles)
    wrong = {name: shelf.articles[names[(place + len(names) // 2) % len(names)]] for place, name in enumerate(names)}
    categories = [str(pair.category) for pair in pairs]
    books = {
        "none": ["" for _ in pairs],
        "wrong": [context_text(wrong[name]) for name in categories],
        "manual": [context_text(shelf.articles[name]) for name in categories],
    }
    if shelf.first:
        books["first"] = [context_text(shelf.first[name]) if name in shelf.first else "" for name in categories]
    if shelf.key:
        books["key"] = [claims_text(title_of(name), shelf.key.get(name, ())) for name in categories]
    if rote:
        books["rote"] = [match.text for match in rote]
    if shelf.transcripts:
        lengths = [count_words(text) for text in books["manual"]]
        books["transcripts"] = [
            _fitting(nearest, length)
            for nearest, length in zip(_nearest_calls(shelf.transcripts, pairs), lengths, strict=True)
        ]
    return {rung: books[rung] for rung in RUNGS if rung in books}


def match_by_rote(transcripts: Sequence[Pair], pairs: Sequence[Pair]) -> list[Rote]:
    """Each pair's earlier call with the same question: to the letter, else without case and marks, else the nearest."""
    exact: dict[str, list[int]] = {}
    plain: dict[str, list[int]] = {}
    for place, earlier in enumerate(transcripts):
        exact.setdefault(earlier.question, []).append(place)
        plain.setdefault(fold(earlier.question).strip(), []).append(place)
    index = Bm25([pair.question for pair in transcripts])
    matched = []
    for pair in pairs:
        own = {place for place, other in enumerate(transcripts) if other.conversation == pair.conversation}
        found = [("exact", place) for place in exact.get(pair.question, ())]
        found += [("normalised", place) for place in plain.get(fold(pair.question).strip(), ())]
        found += [("nearest", place) for place in index.top(pair.question, 1, exclude=own)]
        how, place = next((how, place) for how, place in found if place not in own)
        matched.append(Rote(transcripts[place].y, how, _earlier(transcripts[place])))
    return matched


def count_rote(rote: Sequence[Rote]) -> dict[str, int]:
    """How many questions are matched in which way."""
    counts = Counter(match.how for match in rote)
    return {how: counts[how] for how in ("exact", "normalised", "nearest")}


def load_key(path: Path) -> dict[str, list[str]]:
    """Statements of an answer key by category.

    Raises:
        DataError: a line has no category or statement; names file and line.
    """
    statements: dict[str, list[str]] = {}
    for line, fact in read_jsonl(path):
        if not isinstance(fact.get("category"), str) or not isinstance(fact.get("statement"), str):
            raise DataError("a fact of a key has a category and a statement; add them", path=path, line=line)
        statements.setdefault(fact["category"], []).append(fact["statement"])
    return statements


def _nearest_calls(transcripts: Sequence[Pair], pairs: Sequence[Pair]) -> list[list[str]]:
    """For each pair the other calls, the one most like its question first."""
    texts = [_earlier(pair) for pair in transcripts]
    index = Bm25(texts)
    found = []
    for pair in pairs:
        own = [place for place, other in enumerate(transcripts) if other.conversation == pair.conversation]
        nearest = index.top(conversation_text(pair.x[-1:]), len(texts), exclude=own)
        found.append([texts[place] for place in nearest])
    return found


def _earlier(pair: Pair) -> str:
    return f"Earlier call\n{conversation_text(pair.x[-1:])}Agent: {pair.y}\n"


def _fitting(nearest: Sequence[str], length: int) -> str:
    """The nearest transcripts that fit into a length, the nearest last."""
    taken: list[str] = []
    left = length
    for text in nearest:
        if count_words(text) <= left:
            taken.append(text)
            left -= count_words(text)
    return "".join(reversed(taken))
