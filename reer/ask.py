"""Asking a manual: the current claims that answer a question, or the word that the manual is silent.

How near a claim is to a question: the cosine of the question with the nearest wording of the claim (its own or that of
one of its sources, after the article's title), plus the words of content that they share: BM25 per word asked, in units
of a word that one claim alone has, so that manuals of all sizes have one scale. Only a claim above the bar is shown. A
long story is less like any claim than a short question, so the bar sinks with the length of the question. The bars are
those that `benchmarks/ask.py` fits on one half of its questions.

    found = Finder(load_manual(folder), Encoder().encode).find("What does a lost card cost?")
    found.shown[0].citation    # [cards:c3]; nothing is shown where the manual is silent
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lm.encoder import Encode
from reer.manual import Article, Claim
from workbench.errors import UsageError
from workbench.nearest import Bm25, best, tokenize

SHOWN = 3
"""Claims that are shown at most."""
WORDS_WEIGHT = 1.0
"""What shared words count beside a cosine."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a claim must reach to be shown: `base - slope * ln(words of content in the question)`."""

    base: float
    slope: float

    def at(self, words: int) -> float:
        """The bar of a question."""
        return self.base - self.slope * math.log(max(1, words))


BAR, BAR_OF_WORDS = Bar(1.268, 0.27), Bar(0.706, 0.211)
"""With text embeddings, and by words alone."""

_SMALL_WORDS = """
a about after again all also am an and any are as at be because been before being but by can could did do does
doing don down each else ever every few for from get give go going good got had has have having he hello her
here hers him his how i if in into is it its just know let like ll ma make may me might mind more most much must
my need no nor not now of off oh on once one only or other our ours out over own please put re really right s
said same say she should simply so some something still such suppose t take than thank thanks that the their
them then there these they thing think this those though three through to told too two under until up us ve very
want was way we well were what when where which while who why will with would yes yet you your yours morning
afternoon day d m isn doesn didn wouldn
"""
_SMALL = frozenset(_SMALL_WORDS.split())
_ENDING = re.compile(r"(?:ies|es|s|ed|ing|ly|e|y)$")


@dataclass(frozen=True, slots=True)
class Hit:
    """A claim and how near it is to a question."""

    article: Article
    claim: Claim
    score: float

    @property
    def id(self) -> str:
        """`cards:c3`, unique in a manual."""
        return f"{self.article.category}:{self.claim.id}"

    @property
    def citation(self) -> str:
        """As texts cite it."""
        return f"[{self.id}]"


@dataclass(frozen=True, slots=True)
class Found:
    """What a manual holds on a question."""

    question: str
    hits: tuple[Hit, ...]
    """All current claims, the nearest first."""
    bar: float

    @property
    def shown(self) -> tuple[Hit, ...]:
        """One to three claims above the bar; none where the manual is silent."""
        return tuple(hit for hit in self.hits[:SHOWN] if hit.score >= self.bar)


class Finder:
    """The current claims of a manual, ready to be searched; deprecated articles are left out."""

    def __init__(self, articles: Mapping[str, Article], encode: Encode | None = None) -> None:
        """Index the claims.

        Args:
            articles: by category.
            encode: text embeddings; None compares words alone, which finds less.

        Raises:
            UsageError: nothing in the manual is current.
        """
        living = [article for article in articles.values() if article.status != "deprecated"]
        self._claims = [(article, claim) for article in living for claim in article.current]
        if not self._claims:
            raise UsageError("the manual has no current claim; there is nothing to ask")
        wordings = [_wordings(article, claim) for article, claim in self._claims]
        self._owners = np.repeat(np.arange(len(wordings)), [len(texts) for texts in wordings])
        self._encode = encode
        self._points = encode([text for texts in wordings for text in texts]) if encode else None
        self._rarest = math.log1p((len(wordings) - 0.5) / 1.5)
        """BM25's weight of a word that one claim alone has."""
        self._words = Bm25([_page_words(claim[0], texts) for claim, texts in zip(self._claims, wordings, strict=True)])

    def find(self, question: str) -> Found:
        """Rank the claims for a question.

        Raises:
            UsageError: the question is empty.
        """
        if not question.strip():
            raise UsageError("the question is empty; ask something")
        question = question.encode("utf-8", "replace").decode()  # a shell hands in bytes that are no UTF-8, too
        words = list(dict.fromkeys(content_words(question)))
        scores: NDArray[np.float64] = self._words.scores(" ".join(words)) / (max(1, len(words)) * self._rarest)
        bar = BAR_OF_WORDS
        if self._encode is not None and self._points is not None:
            near = np.full(len(self._claims), -1.0)
            np.maximum.at(near, self._owners, self._points @ self._encode([question])[0])
            scores, bar = near + WORDS_WEIGHT * scores, BAR
        order = best(scores, len(self._claims))
        hits = tuple(Hit(*self._claims[place], float(scores[place])) for place in order)
        return Found(question, hits, bar.at(len(words)))


def content_words(text: str) -> list[str]:
    """The words that tell what a text is about, without endings."""
    return [_ENDING.sub("", word) if len(word) > 4 else word for word in tokenize(text) if word not in _SMALL]


def _wordings(article: Article, claim: Claim) -> list[str]:
    """A claim in its own words and in those of its sources, after the title of its article."""
    said = dict.fromkeys([claim.text, *(article.source(id_).quote for id_ in claim.sources)])
    return [f"{article.title}: {text}" for text in said]


def _page_words(article: Article, wordings: list[str]) -> str:
    return " ".join(content_words(" ".join([article.description, *wordings])))
