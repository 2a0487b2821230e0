"""Articles as Markdown pages, in the Open Knowledge Format 0.2: front matter, claims, footnotes to their sources.

Writing and reading round-trip. What a person added by hand is kept: keys of their own as they are, remarks above the
claims, wherever they stood. Comments in the front matter are lost.

    article = parse_article(path.read_text(), str(path))
    path.write_text(render_article(article))
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

import yaml

from reer.folder import read_page
from reer.manual import Article, Check, Claim, Source, Status
from workbench.errors import DataError

TYPE = "manual-article"
HISTORY = "## No longer"
_OURS = ("type", "title", "description", "category", "status")
_OURS += ("stale_after", "generated", "verified", "accepted", "claims_made", "sources")
_CLAIM = re.compile(r"- \[(?P<id>c\d+)\] (?P<text>.*?)(?P<notes>(?:\[\^[\w.-]+\])+)")
_NOTE = re.compile(r"\[\^(?P<id>[\w.-]+)\]: (?P<quote>.+)")
_ACTOR = re.compile(r"(?:process|team):\S+|[^\s:/]+/\S+")
"""Actors of the format that are no persons."""
_PERSON = "human:"
_SOURCE_KEYS = ("id", "resource", "conversation", "turn", "author", "last_modified")
_ENDED = re.compile(r" \(until (?P<until>\d{4}-\d{2}-\d{2})\)$")


def render_article(article: Article) -> str:
    """Write an article.

    Raises:
        ValueError: a claim or a quote would not be read back as it is.
    """
    front: dict[str, Any] = {
        "type": TYPE,
        "title": article.title,
        "description": article.description,
        "category": article.category,
        "status": article.status,
        "stale_after": article.stale_after,
        "generated": {"by": article.generated_by, "at": article.generated_at},
        "verified": [_check_front(check) for check in article.verified] or None,
        "accepted": list(article.accepted) or None,
        "claims_made": article.claims_made or None,
        **article.extra,
        "sources": [_source_front(source) for source in article.sources],
    }
    kept = {key: value for key, value in front.items() if value is not None}
    head = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000)
    body = [f"# {article.title}", "", article.description, ""]
    if article.remarks:
        body += [*article.remarks, ""]
    body += [_render_claim(claim) for claim in article.current]
    history = [claim for claim in article.claims if claim.until is not None]
    if history:
        body += ["", HISTORY, "", *(_render_claim(claim) for claim in history)]
    body += ["", *(f"[^{source.id}]: {source.quote}" for source in article.sources)]
    _check_body("\n".join(body), (*article.current, *history), article)
    return f"---\n{head}---\n\n" + "\n".join(body) + "\n"


def read_article(path: Path) -> Article:
    """Read the article of a file.

    Raises:
        DataError: it is not UTF-8, or no article; names the file.
    """
    return parse_article(read_page(path), str(path))


def parse_article(text: str, path: str | None = None) -> Article:
    """Read an article, one edited by hand too.

    Raises:
        DataError: the front matter is not what an article has, or a claim has no source that is there.
    """
    front, lines = _split(text, path)
    body = _read_body(lines, path)
    try:
        article = _article(front, body)
    except (KeyError, TypeError, ValueError) as exc:
        said = f"lacks {exc}" if isinstance(exc, KeyError) else str(exc)
        raise DataError(f"the front matter is not that of an article: {said}; restore it with git", path=path) from exc
    if article.status not in get_args(Status):
        raise DataError(f"status {article.status!r} is none of {', '.join(get_args(Status))}; correct it", path=path)
    known = {source.id for source in article.sources}
    taken: set[str] = set()
    for claim in article.claims:
        if missing := [id_ for id_ in claim.sources if id_ not in known]:
            raise DataError(f"claim {claim.id} cites {missing[0]!r}, which is not among the sources", path=path)
        if claim.id in taken:
            raise DataError(f"two claims have the id {claim.id}; give one of them another", path=path)
        taken.add(claim.id)
    return article


@dataclass(slots=True)
class _Body:
    """What stands below the front matter."""

    claims: list[Claim] = field(default_factory=list)
    quotes: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def _article(front: Mapping[str, Any], body: _Body) -> Article:
    title, description = str(front["title"]), str(front["description"])
    checks = front.get("verified") or []
    stale_after = front.get("stale_after")
    return Article(
        category=str(front["category"]),
        title=title,
        description=description,
        claims=tuple(body.claims),
        sources=tuple(_read_source(each, body.quotes) for each in front["sources"]),
        generated_by=str(front["generated"]["by"]),
        generated_at=str(front["generated"]["at"]),
        status=front.get("status", "stable"),
        stale_after=None if stale_after is None else str(stale_after),
        verified=tuple(
            Check(str(each["by"]), str(each["at"]), each.get("content"))
            for each in ([checks] if isinstance(checks, dict) else checks)
        ),
        accepted=_texts(front.get("accepted")),
        claims_made=int(front.get("claims_made") or 0),
        remarks=_trimmed([line for line in body.remarks if line not in (f"# {title}", description, HISTORY)]),
        extra={key: value for key, value in front.items() if key not in _OURS},
    )


def _source_front(source: Source) -> dict[str, Any]:
    where = {"id": source.id, "resource": source.pair, "conversation": source.conversation, "turn": source.turn}
    said = {
        "author": None if source.speaker is None else _as_actor(source.speaker),
        "last_modified": f"{source.date}T00:00:00Z" if source.date else None,
    }
    return where | {key: value for key, value in said.items() if value is not None} | dict(source.extra)


def _check_front(check: Check) -> dict[str, str]:
    return {"by": check.by, "at": check.at} | ({"content": check.content} if check.content else {})


def _as_actor(speaker: str) -> str:
    """Who spoke, as the format names actors; whoever is not known as a machine or a team is a person."""
    return speaker if _ACTOR.fullmatch(speaker) else _PERSON + speaker


def _read_source(front: Mapping[str, Any], quotes: Mapping[str, str]) -> Source:
    id_, modified = str(front["id"]), front.get("last_modified")
    if id_ not in quotes:
        raise ValueError(f"source {id_!r} has no footnote with its words")
    return Source(
        id=id_,
        pair=str(front["resource"]),
        conversation=str(front["conversation"]),
        turn=int(front["turn"]),
        quote=quotes[id_],
        speaker=None if front.get("author") is None else str(front["author"]).removeprefix(_PERSON),
        date=None if modified is None else str(modified)[:10],
        extra={key: value for key, value in front.items() if key not in _SOURCE_KEYS},
    )


def _plain(value: Any) -> Any:
    """Front matter with its moments as ISO text, which YAML would write back in a form of its own."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts without empty ones; a value that is no list is one text."""
    listed = value if isinstance(value, list) else [value]
    return tuple(str(each) for each in listed if each is not None and str(each).strip())


def _trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines without empty ones at either end, and never two empty ones in a row."""
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept[1:] if kept and not kept[0] else kept)


def _render_claim(claim: Claim) -> str:
    notes = "".join(f"[^{id_}]" for id_ in claim.sources)
    ended = f" (until {claim.until})" if claim.until else ""
    return f"- [{claim.id}] {claim.text}{ended}{notes}"


def _check_body(text: str, claims: Sequence[Claim], article: Article) -> None:
    """Refuse a body that says something else when it is read."""
    try:
        body = _read_body(text.split("\n"), None)
    except DataError as exc:
        raise ValueError(f"article {article.category!r} cannot be written: {exc}") from exc
    for claim, read in zip_longest(claims, body.claims):
        if claim != read:
            raise ValueError(f"claim {(claim or read)!r} of {article.category!r} would be read as {read!r}")
    for source in article.sources:
        if body.quotes.get(source.id) != source.quote:
            raise ValueError(
                f"source {source.id} of {article.category!r} would be read as {body.quotes.get(source.id)!r}"
            )


def _split(text: str, path: str | None) -> tuple[Mapping[str, Any], list[str]]:
    text = text.replace("\r\n", "\n")
    head, fence, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not fence:
        raise DataError("begins with no front matter between two lines of ---; restore it with git", path=path, line=1)
    try:
        front = _plain(yaml.safe_load(head))
    except (yaml.YAMLError, ValueError) as exc:
        problem = str(exc).replace("\n", " ")
        raise DataError(f"the front matter is no YAML ({problem}); correct it", path=path) from exc
    if not isinstance(front, dict) or front.get("type") != TYPE:
        raise DataError(f"the front matter has no 'type: {TYPE}'; this is not an article of a manual", path=path)
    return front, body.split("\n")


def _read_body(lines: Sequence[str], path: str | None) -> _Body:
    body = _Body()
    for line in lines:
        if match := _CLAIM.fullmatch(line):
            ended = _ENDED.search(match["text"])
            notes = tuple(re.findall(r"\[\^([\w.-]+)\]", match["notes"]))
            until = ended["until"] if ended else None
            body.claims.append(Claim(match["id"], _ENDED.sub("", match["text"]), notes, until))
        elif match := _NOTE.fullmatch(line):
            body.quotes[match["id"]] = match["quote"]
        elif line.startswith("- ["):
            raise DataError(f"the claim {line[:60]!r} has no footnote; add its source or remove it", path=path)
        else:
            body.remarks.append(line)
    return body
