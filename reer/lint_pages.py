"""Faults of pages as files: not readable, out of date, links that lead nowhere, what nothing leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import unquote

from reer.folder import INDEX, name_problem
from reer.lint import Fault
from reer.lint_book import Book, Page
from reer.trust import parse_instant

_LINK = re.compile(r"\[(?P<text>[^\]^][^\]]*)\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NOTE = re.compile(r"\[\^([\w.-]+)\]:")
_CITED = re.compile(r"\[\^([\w.-]+)\](?!:)")


def find_unreadable(book: Book) -> Iterator[Fault]:
    """A page that is no article of a manual, or not named after its category, with why."""
    for page in book.pages:
        if page.problem is not None:
            yield Fault(page, page.problem, line=_line_in(page, page.problem), about=page.problem)
    for page, article in book.articles:
        if problem := name_problem(page.path.name, article.category):
            yield Fault(page, problem, line=page.line_of("category:"), about=problem)


def find_stale(book: Book) -> Iterator[Fault]:
    """`stale_after` has passed."""
    for page, article in book.articles:
        due = instant_or_none(article.stale_after)
        if due is not None and due <= book.now:
            said = (
                f"stale_after {article.stale_after} has passed; compare the article with the present, then set it anew"
            )
            yield Fault(page, said, line=page.line_of("stale_after:"), about=str(article.stale_after))


def find_broken_links(book: Book) -> Iterator[Fault]:
    """A link to a file or a heading that is not there."""
    headings = {page.path.name: _anchors(page) for page in (*book.pages, *book.others)}
    for page in (*book.pages, *book.others):
        for number, line in enumerate(page.lines, start=1):
            for match in _LINK.finditer(line):
                if problem := _problem(page, match["target"], headings):
                    said = f"the link [{match['text']}]({match['target']}) leads nowhere: {problem}; correct it"
                    yield Fault(page, said, line=number, about=match["target"])


def find_orphans(book: Book) -> Iterator[Fault]:
    """An article that the index lacks, a source that no claim cites, a footnote that nothing uses."""
    index = next((page for page in book.others if page.path.name == INDEX), None)
    listed = {_file_of(match["target"]) for line in (index.lines if index else ()) for match in _LINK.finditer(line)}
    for page in book.pages:
        if page.path.name not in listed:
            said = f"{INDEX} has no link to {page.path.name}, so nobody finds it; add `* [Title]({page.path.name})`"
            yield Fault(page, said, about=INDEX)
    for page, article in book.articles:
        cited = {id_ for line in page.lines if not _NOTE.match(line) for id_ in _CITED.findall(line)}
        noted = [match[1] for line in page.lines if (match := _NOTE.match(line))]
        for id_ in dict.fromkeys([*(source.id for source in article.sources), *noted]):
            if id_ not in cited:
                said = f"no claim cites the source {id_!r}; cite it as [^{id_}], or remove it"
                yield Fault(page, said, line=page.line_of(f"[^{id_}]:"), about=id_)


def instant_or_none(text: str | None) -> datetime | None:
    """A moment by `parse_instant`; None when there is none or it is no moment."""
    try:
        return parse_instant(text) if text else None
    except ValueError:
        return None


def _problem(page: Page, target: str, headings: dict[str, set[str]]) -> str | None:
    """Why a link leads nowhere; None when it does not, or leads to another place than this disk."""
    if _SCHEME.match(target) or target.startswith("//"):
        return None
    file, _, anchor = unquote(target).partition("#")
    place = page.path.parent / file.lstrip("/") if file else page.path
    if not place.exists():
        return f"there is no {file}"
    known = headings.get(place.name) if place.parent == page.path.parent else None
    if anchor and known is not None and anchor.lower() not in known:
        return f"{place.name} has no heading #{anchor}"
    return None


def _anchors(page: Page) -> set[str]:
    """Headings as links name them."""
    titles = [line.lstrip("#").strip() for line in page.lines if re.match(r"#{1,6} ", line)]
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return slugs | {id_ for line in page.lines for id_ in re.findall(r"^- \[(c\d+)\]", line)}


def _file_of(target: str) -> str:
    return unquote(target).partition("#")[0].removeprefix("./")


def _line_in(page: Page, problem: str) -> int:
    """The line that a problem is about: that of the claim or the source that it names, else the first."""
    for pattern, start in (
        (r"\bclaim (c\d+)", "- [{}]"),
        (r"the id (c\d+)", "- [{}]"),
        (r"source '([^']+)'", "- id: {}"),
    ):
        if named := re.search(pattern, problem):
            return page.line_of(start.format(named[1]))
    quoted = re.search(r"the claim ['\"](.{5,30})", problem)
    return page.line_of(quoted[1][:25]) if quoted else 1
