"""Faults of a manual that code can see: contradictions, wrong units, lost conditions, sources that do not exist.

A finding has a key made of its rule, its claims and their words. A key in the `accepted` list of the article is not
reported again until the words change; a key of a claim that is gone means nothing, and is dropped when the next one is
written.

    report = lint(load_book(folder, now, pairs))
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reer.lint_book import Book, Page, Told
from reer.manual import Article
from reer.page import render_article
from reer.trust import is_actor
from workbench.errors import UsageError
from workbench.jsonl import write_atomic

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, and where it stands."""

    rule: str
    article: str
    """Name of the page without its ending."""
    path: Path
    line: int
    """From 1."""
    claims: tuple[str, ...]
    """Ids of the claims it is about, those of other articles as `cards/c3`; empty when it is about the page."""
    message: str
    """What is wrong, with its value, and the next step."""
    key: str
    """What it is accepted by."""
    severity: Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule says, before it is numbered and keyed."""

    page: Page
    message: str
    told: tuple[Told, ...] = ()
    line: int | None = None
    """Where the claim does not say it."""
    about: str = ""
    """What the key depends on besides the words of the claims."""


Rule = Callable[[Book], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Report:
    """What stands in a manual."""

    findings: tuple[Finding, ...]
    """By article and line."""
    accepted: tuple[Finding, ...]
    """Those that a person lets stand."""
    claims: int
    articles: int


def lint(book: Book, rules: Mapping[str, tuple[Severity, Rule]]) -> Report:
    """Run rules over a book."""
    found = [_find(name, severity, fault) for name, (severity, rule) in rules.items() for fault in rule(book)]
    known = {key for _, article in book.articles for key in accepted_keys(article)}
    order = sorted(dict.fromkeys(found), key=lambda finding: (finding.article, finding.line, finding.rule, finding.key))
    return Report(
        tuple(finding for finding in order if finding.key not in known),
        tuple(finding for finding in order if finding.key in known),
        len(book.told),
        len(book.pages),
    )


def accept(book: Book, report: Report, keys: Sequence[str], by: str | None) -> tuple[Finding, ...]:
    """Write keys of findings into the front matter of their articles, with who let them stand and when.

    Args:
        book: that the report is of.
        report: with the findings.
        keys: whole ones, or the digits at their end.
        by: who accepts, as `human:vale`; None writes the day alone.

    Raises:
        UsageError: no finding has the key, it stands on no article, so there is no place to remember it, or `by` is no
            actor.
    """
    if by is not None and not is_actor(by):
        raise UsageError(f"{by!r} is no actor; write human:ID, process:ID or PRODUCER/VERSION")
    chosen = tuple(dict.fromkeys(_named(key, report.findings) for key in keys))
    pages = {page.slug: (page, article) for page, article in book.articles}
    for finding in chosen:
        if finding.article not in pages:
            raise UsageError(
                f"{finding.key!r} stands in {finding.path.name}, which cannot remember it; correct it there"
            )
    for slug, (page, article) in pages.items():
        said = " ".join([by, book.now.date().isoformat()] if by else [book.now.date().isoformat()])
        new = [f"{finding.key} {said}" for finding in chosen if finding.article == slug]
        if new:
            kept = [line for line in article.accepted if line.strip() and _lives(line, book, slug)]
            write_atomic(page.path, render_article(replace(article, accepted=(*kept, *new))))
    return chosen


def accepted_keys(article: Article) -> list[str]:
    """The keys of an article, without who accepted them."""
    return [line.split()[0] for line in article.accepted if line.strip()]


def _find(rule: str, severity: Severity, fault: Fault) -> Finding:
    ids = tuple(told.claim.id if told.page is fault.page else told.name for told in fault.told)
    words = "\n".join([rule, *(told.claim.text for told in fault.told), fault.about])
    digits = hashlib.sha256(words.encode()).hexdigest()[:8]
    line = fault.line or (fault.page.line_of(f"- [{fault.told[0].claim.id}] ") if fault.told else 1)
    key = f"{rule}:{'+'.join(ids) or 'page'}:{digits}"
    return Finding(rule, fault.page.slug, fault.page.path, line, ids, fault.message, key, severity)


def _named(key: str, findings: Sequence[Finding]) -> Finding:
    matches = [finding for finding in findings if key in (finding.key, finding.key.rpartition(":")[2])]
    if len(matches) != 1:
        problem = "more than one finding has" if matches else "no finding has"
        raise UsageError(f"{problem} the key {key!r}; `reer lint MANUAL --json` shows the keys")
    return matches[0]


def _lives(line: str, book: Book, slug: str) -> bool:
    """Whether the claims that an accepted key names are there; ids are never used again."""
    names = {told.name for told in book.told}
    ids = re.findall(r"(?:[\w-]+/)?c\d+", line.split()[0].partition(":")[2])
    return all((id_ if "/" in id_ else f"{slug}/{id_}") in names for id_ in ids)
