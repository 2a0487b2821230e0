"""Claims as they are quoted to a person: with citation, trust, and who said it when, in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reer.answer import Written
from reer.ask import Found, Hit
from reer.plain import without_controls
from reer.trust import trust_record

SILENT = "The manual is silent on this."


def answer_record(found: Found, written: Written | None, now: datetime) -> dict[str, Any]:
    """All that is known of an answer; without a model `answer` is None and the claims speak for themselves."""
    quoted = written.cited if written and written.text else found.shown
    silent = not found.shown or (written is not None and written.silent)
    return {
        "question": found.question,
        "silent": silent,
        "answer": (written.text or None) if written else None,
        "withheld": written.withheld if written else None,
        "claims": [] if silent else [_claim_record(hit, now) for hit in quoted],
        "nearest": {"claim": found.hits[0].id, "score": round(found.hits[0].score, 4), "bar": round(found.bar, 4)},
    }


def format_answer(record: Mapping[str, Any]) -> str:
    """An answer as text: the claims, and beneath each its sources and what is to be known of its article.

    Control characters are left out: what somebody said cannot steer a terminal.
    """
    if record["silent"]:
        nearest = record["nearest"]
        return f"{SILENT} The nearest claim is [{nearest['claim']}], too far off to be an answer."
    lines = []
    if record["answer"]:
        lines += [f"{record['answer']} {' '.join(claim['citation'] for claim in record['claims'])}", ""]
    for claim in record["claims"]:
        lines += [f"{claim['citation']} {claim['text']}", *(f"    {each}" for each in _origins(claim))]
        lines += [f"    {_standing(claim['trust'])}", *_warnings(claim["trust"]), ""]
    text = "\n".join(lines).rstrip("\n")
    return without_controls(text)


def _claim_record(hit: Hit, now: datetime) -> dict[str, Any]:
    sources = [hit.article.source(id_) for id_ in hit.claim.sources]
    return {
        "citation": hit.citation,
        "article": hit.article.title,
        "text": hit.claim.text,
        "score": round(hit.score, 4),
        "sources": [
            {
                "id": source.id,
                "pair": source.pair,
                "conversation": source.conversation,
                "turn": source.turn,
                "speaker": source.speaker,
                "date": source.date,
                "quote": source.quote,
            }
            for source in sources
        ],
        "trust": trust_record(hit.article, now),
    }


def _origins(claim: Mapping[str, Any]) -> list[str]:
    lines = []
    for source in claim["sources"]:
        where = [f"call {source['conversation']}, turn {source['turn']}", source["speaker"], source["date"]]
        lines.append(f"{', '.join(part for part in where if part)}: “{source['quote']}”")
    return lines


def _standing(trust: Mapping[str, Any]) -> str:
    checked = f" ({trust['checked_by']}, {trust['checked_at'][:10]})" if trust["checked_by"] else ""
    return f"{trust['tier']}{checked}, {trust['status']}"


def _warnings(trust: Mapping[str, Any]) -> Sequence[str]:
    told = []
    if trust["stale"]:
        told.append(f"    WARNING: to be looked at again since {trust['stale_after'][:10]}; ask before you rely on it")
    if trust["changed_since"]:
        told.append("    WARNING: changed since it was checked")
    return told
