"""A claim's origin as people read it, and as a JSON value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reer.blame import Blame, Step
from reer.claim_diff import mark_words
from reer.history import Entry
from reer.manual import Source
from reer.pairs import Pair
from reer.plain import without_controls
from reer.trailers import NLL, PAIRS, SIMILARITY

SHORT = 10
"""Characters of a hash that are shown."""


def match_pairs(sources: Iterable[Source], pairs: Iterable[Pair]) -> dict[str, Pair]:
    """The pair of each source, by its id; where a file names its pairs anew, by call and turn."""
    by_id, by_turn = {}, {}
    for pair in pairs:
        by_id[pair.id] = by_turn[pair.conversation, pair.turn] = pair
    found = {source.id: by_id.get(source.pair) or by_turn.get((source.conversation, source.turn)) for source in sources}
    return {id_: pair for id_, pair in found.items() if pair is not None}


def format_blame(origin: Blame, pairs: dict[str, Pair]) -> str:
    """Where a claim comes from, as plain text without control characters."""
    return without_controls("\n".join(_lines(origin, pairs)))


def blame_record(origin: Blame, pairs: dict[str, Pair]) -> dict[str, Any]:
    """Where a claim comes from, as a JSON value."""
    located, claim = origin.found.located, origin.found.located.claim
    return {
        "claim": located.name,
        "found_by": origin.found.how,
        "share": origin.found.share,
        "text": claim.text,
        "article": origin.title,
        "until": claim.until,
        "replaced_by": None
        if origin.replaced_by is None
        else {"claim": f"{located.article}:{origin.replaced_by.id}", "text": origin.replaced_by.text},
        "since": _entry_record(origin.since.entry) if origin.since else None,
        "commits": [
            {
                "kind": step.change.kind,
                "text_before": step.change.before.claim.text if step.change.before else None,
                "commit": _entry_record(step.entry),
            }
            for step in origin.steps
        ],
        "sources": [
            {
                "pair": source.pair,
                "conversation": source.conversation,
                "turn": source.turn,
                "speaker": source.speaker,
                "date": source.date,
                "quote": source.quote,
                "question": pairs[source.id].question if source.id in pairs else None,
                "reply": pairs[source.id].y if source.id in pairs else None,
            }
            for source in located.sources
        ],
    }


def _lines(origin: Blame, pairs: dict[str, Pair]) -> Iterator[str]:
    located, claim = origin.found.located, origin.found.located.claim
    how = {"id": "by its id", "text": "by its text", "words": f"by its words, {origin.found.share:.0%} in common"}
    yield f"{located.name} in {origin.title!r} (found {how[origin.found.how]})"
    yield f"  {claim.text}"
    if claim.until:
        by = f", by {_commit(origin.ended)}" if origin.ended else ""
        yield f"until {claim.until}{by}"
        if origin.replaced_by:
            yield f"  replaced by [{origin.replaced_by.id}] {origin.replaced_by.text}"
        else:
            yield "  no current claim of the article says the like"
    when = "later"
    for step in origin.steps:
        if step is origin.since:
            when = "before"
            yield f"since {_commit(step)}: {_what(step)}"
        elif step is not origin.ended:
            yield f"  {when}, {_commit(step)}: {_what(step)}"
    if origin.since is None:
        yield "since before the history that this repository has"
    yield "heard in"
    for source in located.sources:
        said = ", ".join(each for each in (source.speaker, source.date) if each)
        yield f"  {source.conversation} turn {source.turn}{f' ({said})' if said else ''}: \u201c{source.quote}\u201d"
        if source.id in pairs:
            yield f"    question: {pairs[source.id].question}"
            yield f"    reply: {pairs[source.id].y}"


def _commit(step: Step) -> str:
    """A commit with its figures, on one line."""
    if step.entry is None:
        return "a change that is not committed yet"
    entry = step.entry
    figures = [f"{key} {entry.trailers[key]}" for key in (NLL, SIMILARITY, PAIRS) if key in entry.trailers]
    return f"{entry.hash[:SHORT]} {entry.at[:10]} {entry.subject!r}" + (f" ({', '.join(figures)})" if figures else "")


def _what(step: Step) -> str:
    before, after = step.change.before, step.change.after
    assert after is not None
    if before is None:
        return f"stated as {after.claim.text!r}"
    if before.claim.text != after.claim.text:
        return mark_words(before.claim.text, after.claim.text)
    return f"{step.change.kind} {before.name} -> {after.name}" if before.name != after.name else step.change.kind


def _entry_record(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"commit": entry.hash, "date": entry.at, "subject": entry.subject, "trailers": dict(entry.trailers)}
