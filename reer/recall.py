"""What a manual knows of an answer key: facts recalled, and old ones that it still states. For measuring only.

A line of a key is `{"id", "category", "value", "unit", "statement", "superseded": [{"value", "unit"}]}`. A number is
recalled when a current claim of its category holds that value; any other value when a claim holds its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reer.manual import Article
from reer.numerals import canonical, find_numbers
from reer.slots import read_slots
from workbench.errors import DataError
from workbench.jsonl import read_jsonl

WORDS_SHARE = 0.8
"""Share of the words of a value that must stand in one claim."""


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
            (recalled if _stated(str(fact["value"]), claims) else missed).append(id_)
            stale += [id_ for old in fact.get("superseded", []) if _stated(str(old["value"]), claims)]
        except (KeyError, TypeError) as exc:
            raise DataError(f"lacks {exc}; a fact has id, category and value", path=path, line=line) from exc
    total = len(recalled) + len(missed)
    return {"facts": total, "recalled": len(recalled) / max(1, total), "missed": missed, "outdated": stale}


def _stated(value: str, claims: list[str]) -> bool:
    """Whether one claim holds a value: as a slot where it is a number, by its words otherwise."""
    numbers = find_numbers(value)
    slots = read_slots(value)
    if len(numbers) == 1 and numbers[0].end - numbers[0].start == len(value):
        wanted = canonical(numbers[0].value)
        hour = f"{int(numbers[0].value):02d}:00" if numbers[0].value < 25 else wanted
        return any(slot.value in (wanted, hour) for claim in claims for slot in read_slots(claim))
    if slots and slots[0].kind == "date":
        return any(slot.value.endswith(slots[0].value) for claim in claims for slot in read_slots(claim))
    words = _words(value)
    return any(len(words & _words(claim)) >= WORDS_SHARE * len(words) for claim in claims)


def _words(text: str) -> set[str]:
    """Words without endings, small ones left out."""
    return {re.sub(r"(?:ies|es|s|ed|ing)$", "", word) for word in re.findall(r"\w{3,}", text.lower())}
