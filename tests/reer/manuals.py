"""Manuals written by hand, for `reer lint`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reer.build import render_index
from reer.lint import Report, lint
from reer.lint_book import load_book
from reer.lint_rules import RULES, choose_rules
from reer.manual import Article, Claim, Source
from reer.page import render_article
from reer.pairs import Loaded
from tests.reer.builders import make_pair

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ALL = tuple(RULES)


class Said(NamedTuple):
    """A claim and what it was heard from; its own words where nothing is given."""

    text: str
    quotes: tuple[str, ...] = ()
    until: str | None = None
    day: str | None = None


def write_manual(folder: Path, **articles: Sequence[Said]) -> Loaded:
    """Write articles with an index; returns the pairs that their sources were said in."""
    folder.mkdir(exist_ok=True)
    pairs = []
    for category, said in articles.items():
        claims, sources = [], []
        for number, each in enumerate(said, start=1):
            ids = []
            for quote in each.quotes or (each.text,):
                pair = make_pair(len(pairs), f"Well. {quote}", category=category, day=each.day)
                pairs.append(pair)
                ids.append(f"s{len(sources) + 1}")
                day = pair.date.isoformat() if pair.date else None
                sources.append(Source(ids[-1], pair.id, pair.conversation, pair.turn, quote, pair.speaker, day))
            claims.append(Claim(f"c{number}", each.text, tuple(ids), each.until))
        article = Article(
            category, category.title(), "About it.", tuple(claims), tuple(sources), "x/1", NOW.isoformat()
        )
        (folder / f"{category}.md").write_text(render_article(article), encoding="utf-8")
    (folder / "index.md").write_text(render_index(dict.fromkeys(articles, "About it.")), encoding="utf-8")
    return Loaded(tuple(pairs), ())


def report_of(folder: Path, *rules: str, pairs: Loaded | None = None) -> Report:
    return lint(load_book(folder, NOW, pairs), choose_rules(rules))


def found(folder: Path, *rules: str, pairs: Loaded | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Rule and claims of each finding."""
    return [(finding.rule, finding.claims) for finding in report_of(folder, *rules, pairs=pairs).findings]
