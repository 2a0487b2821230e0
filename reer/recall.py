"""What a manual knows of an answer key: facts recalled, and old ones that it still states. For measuring only.

A line of a key is `{"id", "category", "value", "unit", "statement", "superseded": [{"value", "unit", "statement"}]}`.
A value is recalled when a current claim of its category holds its slots, read with its unit, or its words where it has
none. An old value counts where a claim holds it and speaks of the same thing: 5,000 euros may be a customer's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reer.lint_book import stems
from reer.manual import Article
from reer.slots import contents, read_slots
from workbench.errors import DataError
from workbench.jsonl import read_jsonl

WORDS_SHARE = 0.8
"""Share of the words of a value that must stand in one claim."""
SAME_THING_SHARE = 0.2
"""Share of the words of an old statement, its values aside, that a claim has which speaks of the same thing."""


def check_key(articles: Mapping[str, Article], path: Path) -> dict[str, Any]:
    """Compare a manual with an answer key.

    Raises:
        DataError: a line of the key is wrong; names file and line.
    """
    recalled: list[str] = []
    missed: list[str] = []
    stale: list[str] = []
    for line, fact in read_jsonl(path):
        try:
            id_, article = str(fact["id"]), articles.get(str(fact["category"]))
            claims = [claim.text for claim in article.current] if article else []
            (recalled if stated(fact, claims) else missed).append(id_)
            for old in fact.get("superseded", []):
                words = set(stems(str(old.get("statement") or "")))
                near = [claim for claim in claims if len(words & set(stems(claim))) >= SAME_THING_SHARE * len(words)]
                stale += [id_] if stated(old, near) else []
        except (AttributeError, KeyError, TypeError) as exc:
            raise DataError(f"lacks {exc}; a fact has id, category and value", path=path, line=line) from exc
    total = len(recalled) + len(missed)
    return {"facts": total, "recalled": len(recalled) / max(1, total), "missed": missed, "outdated": stale}


def stated(fact: Mapping[str, Any], claims: Sequence[str]) -> bool:
    """Whether one claim holds the value of a fact: its slots where it has some, else its words."""
    value, unit = str(fact["value"]), str(fact.get("unit") or "")
    if wanted := contents(read_slots(f"{value} {unit}".strip())):
        return any(wanted <= _said(claim, wanted) for claim in claims)
    words = _words(value)
    if not words:
        return any(value.casefold() in claim.casefold() for claim in claims)
    return any(len(words & _words(claim)) >= WORDS_SHARE * len(words) for claim in claims)


def _said(claim: str, wanted: frozenset[tuple[str, str]]) -> set[tuple[str, str]]:
    """What a claim says; where no unit is asked for, its numbers count without theirs."""
    said = contents(read_slots(claim))
    return set(said) | {(value, "") for value, _ in said if (value, "") in wanted}


def _words(text: str) -> set[str]:
    """Words without endings, small ones left out."""
    return {re.sub(r"(?:ies|es|s|ed|ing)$", "", word) for word in re.findall(r"\w{3,}", text.lower())}
