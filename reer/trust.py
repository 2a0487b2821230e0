"""How far an article may be trusted now: who has checked it, whether it changed since, whether its time has passed.

The tier is that of the Open Knowledge Format: it follows from who has verified, and an edit does not take it away. That
an article is no longer what was checked is said beside it: a check notes the digest of what it saw, so an edit by hand
shows too; a check that notes none is compared by its time.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from reer.manual import Article, Check
from workbench.errors import DataError

_ACTOR = re.compile(r"(?:human|process):[^\s:/]+|[^\s:/]+/[^\s:/]+")


def is_actor(name: str) -> bool:
    """Whether a name is one that can answer for an article: human:ID, process:ID or PRODUCER/VERSION."""
    return _ACTOR.fullmatch(name) is not None


def parse_instant(text: str) -> datetime:
    """A moment in ISO 8601 as a time with its offset; one without is of UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_instant(article: Article, name: str, text: str) -> datetime:
    """A moment of an article, by `parse_instant`.

    Args:
        article: that has it.
        name: of the key that it stands under, for the error.
        text: in ISO 8601.

    Raises:
        DataError: it is none; names the article.
    """
    try:
        return parse_instant(text)
    except ValueError as exc:
        where = f"{name} of article {article.category!r}"
        raise DataError(f"{where}: {text!r} is no ISO 8601 moment; write it as 2026-11-25T10:00:00Z") from exc


def is_stale(article: Article, now: datetime) -> bool:
    """Whether somebody has to look again."""
    return article.stale_after is not None and now >= read_instant(article, "stale_after", article.stale_after)


def digest(article: Article) -> str:
    """Sixteen hex digits that stand for the claims and the words that they rest on."""
    claims = [[claim.id, claim.text, claim.until, list(claim.sources)] for claim in article.claims]
    words = [[source.id, source.pair, source.turn, source.quote] for source in article.sources]
    return hashlib.sha256(json.dumps([article.title, claims, words]).encode()).hexdigest()[:16]


def last_check(article: Article) -> Check | None:
    """The newest check of those that give the article its tier: a nightly process renews no person's word."""
    people = [check for check in article.verified if check.by.startswith("human:")]
    return max(people or article.verified, key=lambda check: read_instant(article, "verified", check.at), default=None)


def changed_since(article: Article) -> bool:
    """Whether the article is no longer what was checked last; False where nobody has checked it."""
    check = last_check(article)
    if check is None:
        return False
    if check.content is not None:
        return check.content != digest(article)
    made = read_instant(article, "generated", article.generated_at)
    return made > read_instant(article, "verified", check.at)


def trust_record(article: Article, now: datetime) -> dict[str, Any]:
    """All of it as a record."""
    check = last_check(article)
    return {
        "category": article.category,
        "tier": article.tier,
        "checked_by": check.by if check else None,
        "checked_at": check.at if check else None,
        "changed_since": changed_since(article),
        "status": article.status,
        "stale_after": article.stale_after,
        "stale": is_stale(article, now),
    }
