"""A manual: one Markdown article per category, each claim with footnotes to what was said.

Front matter follows the Open Knowledge Format 0.2 (`type`, `sources`, `generated`, `status`, `stale_after`); writing
and reading round-trip. A model is shown the claims alone, as `context_text` gives them.

    article = parse_article(path.read_text())
    path.write_text(render_article(article))
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from workbench.errors import DataError

TYPE = "manual-article"
STATUSES = ("draft", "stable", "deprecated")
_CLAIM = re.compile(r"- \[(?P<id>c\d+)\] (?P<text>.*?)(?P<notes>(?:\[\^[\w.-]+\])+)")
_NOTE = re.compile(r"\[\^(?P<id>[\w.-]+)\]: (?P<quote>.+)")
_ENDED = re.compile(r" \(until (?P<until>\d{4}-\d{2}-\d{2})\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was said."""

    id: str
    """Its footnote: letters, digits, dots and hyphens."""
    pair: str
    conversation: str
    turn: int
    quote: str
    """The words, as they stand in the reply."""
    speaker: str | None = None
    date: str | None = None
    """ISO, when known."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an article."""

    id: str
    """`c1`, `c2`, ...; never used again for another."""
    text: str
    """One line."""
    sources: tuple[str, ...]
    """Ids of its sources, at least one."""
    until: str | None = None
    """ISO date of when a later reply said otherwise; a claim with it is history and is not shown to a model."""


@dataclass(frozen=True, slots=True)
class Article:
    """All claims of one category."""

    category: str
    title: str
    description: str
    claims: tuple[Claim, ...]
    sources: tuple[Source, ...]
    generated_by: str
    generated_at: str
    """ISO instant."""
    status: str = "draft"
    stale_after: str | None = None
    """ISO date after which somebody has to look again."""

    @property
    def current(self) -> tuple[Claim, ...]:
        """Claims that hold as far as is known."""
        return tuple(claim for claim in self.claims if claim.until is None)


def context_text(article: Article) -> str:
    """The article as a model reads it: title and current claims."""
    return claims_text(article.title, [claim.text for claim in article.current])


def claims_text(title: str, claims: Sequence[str]) -> str:
    """Claims under a title, as a model reads them."""
    return f"# {title}\n" + "".join(f"- {claim}\n" for claim in claims)


def render_article(article: Article) -> str:
    """Write an article."""
    quotes = {source.id: source.quote for source in article.sources}
    front: dict[str, Any] = {
        "type": TYPE,
        "title": article.title,
        "description": article.description,
        "category": article.category,
        "status": article.status,
        "stale_after": article.stale_after,
        "generated": {"by": article.generated_by, "at": article.generated_at},
        "sources": [_source_front(source) for source in article.sources],
    }
    kept = {key: value for key, value in front.items() if value is not None}
    head = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000)
    body = [f"# {article.title}", "", article.description, ""]
    body += [_render_claim(claim) for claim in article.current]
    history = [claim for claim in article.claims if claim.until is not None]
    if history:
        body += ["", "## No longer", "", *(_render_claim(claim) for claim in history)]
    body += ["", *(f"[^{id_}]: {quote}" for id_, quote in quotes.items())]
    return f"---\n{head}---\n\n" + "\n".join(body) + "\n"


def parse_article(text: str, path: str | None = None) -> Article:
    """Read an article, one edited by hand too.

    Raises:
        DataError: the front matter is not what an article has, or a claim has no source that is there.
    """
    front, body = _split(text, path)
    claims, quotes = _read_body(body, path)
    try:
        sources = tuple(_read_source(each, quotes) for each in front["sources"])
        article = Article(
            category=str(front["category"]),
            title=str(front["title"]),
            description=str(front["description"]),
            claims=claims,
            sources=sources,
            generated_by=str(front["generated"]["by"]),
            generated_at=str(front["generated"]["at"]),
            status=str(front.get("status", "draft")),
            stale_after=None if front.get("stale_after") is None else str(front["stale_after"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        said = f"lacks {exc}" if isinstance(exc, KeyError) else str(exc)
        raise DataError(f"the front matter is not that of an article: {said}; restore it with git", path=path) from exc
    if article.status not in STATUSES:
        raise DataError(f"status {article.status!r} is none of {', '.join(STATUSES)}; correct it", path=path)
    known = {source.id for source in sources}
    for claim in claims:
        if missing := [id_ for id_ in claim.sources if id_ not in known]:
            raise DataError(f"claim {claim.id} cites {missing[0]!r}, which is not among the sources", path=path)
    return article


def _source_front(source: Source) -> dict[str, Any]:
    where = {"id": source.id, "resource": source.pair, "conversation": source.conversation, "turn": source.turn}
    said = {"author": source.speaker, "last_modified": source.date}
    return where | {key: value for key, value in said.items() if value is not None}


def _read_source(front: Mapping[str, Any], quotes: Mapping[str, str]) -> Source:
    id_ = str(front["id"])
    return Source(
        id=id_,
        pair=str(front["resource"]),
        conversation=str(front["conversation"]),
        turn=int(front["turn"]),
        quote=quotes[id_],
        speaker=None if front.get("author") is None else str(front["author"]),
        date=None if front.get("last_modified") is None else str(front["last_modified"]),
    )


def _render_claim(claim: Claim) -> str:
    notes = "".join(f"[^{id_}]" for id_ in claim.sources)
    ended = f" (until {claim.until})" if claim.until else ""
    return f"- [{claim.id}] {claim.text}{ended}{notes}"


def _split(text: str, path: str | None) -> tuple[Mapping[str, Any], list[str]]:
    head, fence, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not fence:
        raise DataError("begins with no front matter between two lines of ---; restore it with git", path=path, line=1)
    try:
        front = yaml.safe_load(head)
    except yaml.YAMLError as exc:
        problem = str(exc).replace("\n", " ")
        raise DataError(f"the front matter is no YAML ({problem}); correct it", path=path) from exc
    if not isinstance(front, dict) or front.get("type") != TYPE:
        raise DataError(f"the front matter has no 'type: {TYPE}'; this is not an article of a manual", path=path)
    return front, body.split("\n")


def _read_body(lines: Sequence[str], path: str | None) -> tuple[tuple[Claim, ...], dict[str, str]]:
    claims: list[Claim] = []
    quotes: dict[str, str] = {}
    for line in lines:
        if match := _CLAIM.fullmatch(line):
            ended = _ENDED.search(match["text"])
            notes = tuple(re.findall(r"\[\^([\w.-]+)\]", match["notes"]))
            claims.append(Claim(match["id"], _ENDED.sub("", match["text"]), notes, ended["until"] if ended else None))
        elif match := _NOTE.fullmatch(line):
            quotes[match["id"]] = match["quote"]
        elif line.startswith("- ["):
            raise DataError(f"the claim {line[:60]!r} has no footnote; add its source or remove it", path=path)
    return tuple(claims), quotes
