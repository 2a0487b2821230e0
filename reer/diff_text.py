"""A diff of claims as people read it, and as a JSON value.

`+` added, `-` removed, `~` reworded, `x` ended, `o` holds again, `>` moved here, `=` other sources, `*` of the article.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reer.claim_diff import Change, Located, ManualDiff, Setting, mark_words
from reer.manual import Source
from reer.plain import without_controls


def format_diff(diff: ManualDiff) -> str:
    """The differences as plain text without control characters, by article."""
    if diff.is_empty:
        return "no change"
    lines: list[str] = []
    for slug in sorted({*(change.article for change in diff.changes), *(each.article for each in diff.settings)}):
        settings = [each for each in diff.settings if each.article == slug]
        lines.append(slug + _came_or_went(settings))
        lines += [
            f"  * {each.name}: {each.before or 'none'} -> {each.after or 'none'}"
            for each in settings
            if not _came_or_went(settings)
        ]
        for change in diff.changes:
            if change.article == slug:
                lines += [f"  {line}" for line in _lines(change)]
    return without_controls("\n".join(lines))


def diff_record(diff: ManualDiff) -> dict[str, Any]:
    """The differences as a JSON value."""
    return {
        "claims": [
            {
                "kind": change.kind,
                "article": change.article,
                "before": _record(change.before),
                "after": _record(change.after),
                "replaced_by": change.replaced_by.name if change.replaced_by else None,
            }
            for change in diff.changes
        ],
        "articles": [
            {"article": each.article, "name": each.name, "before": each.before, "after": each.after}
            for each in diff.settings
        ],
    }


def format_sources(sources: Sequence[Source]) -> str:
    """Where something was said, briefly."""
    return ", ".join(f"{source.conversation} turn {source.turn}" for source in sources)


def _lines(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    if before is None or after is None:
        yield _line_of_one(change)
        return
    id_, old, new = after.claim.id, before.claim.text, after.claim.text
    words = mark_words(old, new) if old != new else new
    match change.kind:
        case "moved":
            ended = f" (until {after.claim.until})" if after.claim.until else ""
            yield f"> [{id_}] from {before.name}: {words}{ended}"
        case "ended":
            yield f"x [{id_}] ended {after.claim.until}: {words}"
            if change.replaced_by:
                yield f"       replaced by [{change.replaced_by.claim.id}] {change.replaced_by.claim.text}"
        case "resumed":
            yield f"o [{id_}] holds again, was ended {before.claim.until}: {words}"
        case "cited":
            was = "" if before.claim.id == id_ else f" (was {before.claim.id})"
            yield f"= [{id_}] sources {format_sources(before.sources)} -> {format_sources(after.sources)}{was}"
        case _:
            dates = (before.claim.until, after.claim.until)
            until = "" if dates[0] == dates[1] else f" (until {dates[0]} -> {dates[1]})"
            was = "" if before.claim.id == id_ else f" (was {before.claim.id})"
            yield f"~ [{id_}] {words}{until}{was}"


def _line_of_one(change: Change) -> str:
    """A claim that was added or removed."""
    found = change.after or change.before
    assert found is not None
    until = f" (until {found.claim.until})" if found.claim.until else ""
    if change.after is None:
        return f"- [{found.claim.id}] {found.claim.text}{until}"
    return f"+ [{found.claim.id}] {found.claim.text}{until} ({format_sources(found.sources)})"


def _came_or_went(settings: Sequence[Setting]) -> str:
    """Whether an article is new or gone: its title is there on one side only."""
    titles = [each for each in settings if each.name == "title"]
    if titles and titles[0].before is None:
        return " (new article)"
    return " (article removed)" if titles and titles[0].after is None else ""


def _record(found: Located | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "id": found.name,
        "text": found.claim.text,
        "until": found.claim.until,
        "sources": [{"conversation": s.conversation, "turn": s.turn} for s in found.sources],
    }
