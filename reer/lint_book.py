"""What the rules of `reer lint` read: a manual page by page, each claim with its slots, words and sources.

A page that cannot be read stays in the book with what is wrong with it; the rules about claims pass it by.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from reer.folder import NO_ARTICLES, page_paths
from reer.manual import Article, Claim, Source
from reer.page import parse_article
from reer.pairs import Loaded
from reer.slots import THINGS, Slot, read_slots
from workbench.errors import DataError, UsageError
from workbench.nearest import tokenize

_ENDING = re.compile(r"(?:ies|es|s|ed|ing|ly|e)$")
_WORDS = """a about after all also an and any are as at be been before but by can come day days did do does don for
from get go goes got had has have he her here hers him his how i if in into is it its just ll may me more must my need
no not now of off on once one only or our out over own re say says see she should so some still than that the their
them then there they this those three to too two until up us ve was we well were what when where which who will with
within would yes you your"""
_SMALL = frozenset(_WORDS.split())
"""Words that say nothing of what a claim is about."""


@dataclass(frozen=True, slots=True)
class Page:
    """A file of the manual."""

    path: Path
    lines: tuple[str, ...]
    article: Article | None = None
    """None for the index, the log and what cannot be read."""
    problem: str | None = None
    """Why it cannot be read."""

    @property
    def slug(self) -> str:
        """Its name without the ending."""
        return self.path.stem

    def line_of(self, start: str) -> int:
        """Number of the first line that begins so, from 1; 1 when none does."""
        return next((number for number, line in enumerate(self.lines, start=1) if line.startswith(start)), 1)


@dataclass(frozen=True, slots=True)
class Wording:
    """A text and what it is read as."""

    text: str
    slots: tuple[Slot, ...]
    words: Mapping[str, float]
    """Stems with their weight, slots left out; of length 1 as a vector."""


@dataclass(frozen=True, slots=True)
class Told:
    """A claim with its article and its sources."""

    page: Page
    claim: Claim
    sources: tuple[Source, ...]
    wordings: tuple[Wording, ...]
    """Its own first, then those of its sources."""

    @property
    def name(self) -> str:
        """The claim with its article, as `cards/c3`."""
        return f"{self.page.slug}/{self.claim.id}"

    @property
    def text(self) -> str:
        """What it says."""
        return self.claim.text

    @property
    def own(self) -> Wording:
        """What it says, read."""
        return self.wordings[0]

    @property
    def quotes(self) -> tuple[Wording, ...]:
        """What its sources say, read."""
        return self.wordings[1:]


@dataclass(frozen=True, slots=True)
class Book:
    """A manual as the rules see it."""

    pages: tuple[Page, ...]
    """Articles, and what should be one, by name."""
    others: tuple[Page, ...]
    """Index, log and README, as far as they are there."""
    now: datetime
    pairs: Loaded | None = None
    """What the sources are compared with."""
    told: tuple[Told, ...] = field(default=())
    """Every claim of the articles that can be read."""

    @property
    def current(self) -> tuple[Told, ...]:
        """Claims that hold."""
        return tuple(told for told in self.told if told.claim.until is None)

    @property
    def articles(self) -> tuple[tuple[Page, Article], ...]:
        """Pages that can be read."""
        return tuple((page, page.article) for page in self.pages if page.article is not None)


def load_book(folder: Path, now: datetime, pairs: Loaded | None = None) -> Book:
    """Read a manual, broken pages included.

    Raises:
        UsageError: the folder holds no page.
    """
    pages = tuple(_read_page(path) for path in page_paths(folder))
    if not pages:
        raise UsageError(f"{folder} holds no article; build one with: reer build-manual PAIRS --out {folder}")
    others = tuple(Page(path, _lines(path)) for path in (folder / name for name in NO_ARTICLES) if path.is_file())
    articles = [page.article for page in pages if page.article is not None]
    texts = [source.quote for article in articles for source in article.sources]
    texts += [claim.text for article in articles for claim in article.claims]
    counts = Counter(stem for text in texts for stem in set(stems(text)))
    wordings = {text: Wording(text, read_slots(text), _weigh(stems(text), counts, len(texts))) for text in texts}
    told = [
        Told(page, claim, sources, tuple(wordings[text] for text in (claim.text, *(each.quote for each in sources))))
        for page in pages
        if page.article is not None
        for claim in page.article.claims
        for sources in [tuple(page.article.source(id_) for id_ in claim.sources)]
    ]
    return Book(pages, others, now, pairs, tuple(told))


def stems(text: str) -> list[str]:
    """Words that say what a text is about, without endings; amounts, spans and the like are left out."""
    for slot in reversed(read_slots(text)):
        if slot.kind not in THINGS:
            text = f"{text[: slot.start]} {text[slot.end :]}"
    words = [word for word in tokenize(text.replace("'", " ")) if len(word) > 1 or not word.isascii()]
    return [_stem(word) for word in words if word not in _SMALL]


def likeness(a: Wording, b: Wording) -> float:
    """How much two texts share of their words, rare ones counting more, 0 to 1."""
    few, many = sorted((a.words, b.words), key=len)
    return sum(weight * many[stem] for stem, weight in few.items() if stem in many)


def share_in(text: str, other: str) -> float:
    """Share of a text's words that stand in another text; 0 when it has none."""
    words = set(stems(text))
    return len(words & set(stems(other))) / len(words) if words else 0.0


def _read_page(path: Path) -> Page:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        return Page(path, (), problem=f"not UTF-8 ({exc.reason} at byte {exc.start})")
    lines = tuple(text.split("\n"))
    try:
        return Page(path, lines, parse_article(text))
    except (DataError, ValueError) as exc:
        return Page(path, lines, problem=str(exc))


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8", errors="replace").split("\n"))


def _weigh(words: Iterable[str], counts: Mapping[str, int], n: int) -> dict[str, float]:
    """Weights as a vector of length 1: a word in few texts weighs more."""
    weights = {word: math.log(1 + n / counts[word]) for word in words}
    length = math.sqrt(sum(weight**2 for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()} if length else {}


def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > 3 else word
