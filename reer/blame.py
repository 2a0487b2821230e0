"""From a sentence of a manual back to the calls: its claim, the commits that made it so, and what was said where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reer.claim_diff import Change, Key, Located, diff_manuals, find_replacement, locate, share_words
from reer.history import Entry
from reer.manual import Article, Claim
from reer.versions import Versions
from workbench.errors import DataError, UsageError

LEAST = 0.3
"""Share of common words below which no claim is taken for the one that was meant."""


@dataclass(frozen=True, slots=True)
class Found:
    """The claim that was meant."""

    located: Located
    how: Literal["id", "text", "words"]
    share: float
    """Of common words; 1 for an id or an exact text."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a commit made of a claim."""

    entry: Entry | None
    """None for what is not committed yet."""
    change: Change

    @property
    def is_wording(self) -> bool:
        """Whether the claim was stated first, or in other words, here."""
        before, after = self.change.before, self.change.after
        return before is None or after is None or before.claim.text != after.claim.text


@dataclass(frozen=True, slots=True)
class Blame:
    """Where a claim comes from."""

    found: Found
    title: str
    """Of the article."""
    steps: tuple[Step, ...]
    """Newest first; the last one stated it first."""
    replaced_by: Claim | None
    """Of a claim that has ended."""

    @property
    def since(self) -> Step | None:
        """The commit since which the claim has its words."""
        return next((step for step in self.steps if step.is_wording), None)

    @property
    def ended(self) -> Step | None:
        """The commit that ended it."""
        return next((step for step in self.steps if step.change.kind == "ended"), None)


def blame(versions: Versions, query: str) -> Blame:
    """Where a sentence, or a claim like `cards:c3`, comes from; looked for in the work tree.

    Raises:
        UsageError: no claim is meant by it.
        DataError: a page of the work tree is no article.
    """
    now = versions.here().articles
    found = find_claim(now, query)
    article = now[found.located.article]
    ended = found.located.claim.until is not None
    return Blame(
        found,
        article.title,
        tuple(trace_claim(versions, now, found.located.key)),
        find_replacement(found.located.claim, article) if ended else None,
    )


def find_claim(articles: Mapping[str, Article], query: str) -> Found:
    """The claim of an id, of a text, or of the most similar words; among equals one that still holds.

    Raises:
        UsageError: there is none.
    """
    claims = locate(articles)
    if id_ := re.fullmatch(r"(?:(?P<article>[\w.-]+):)?(?P<id>c\d+)", query.strip()):
        named = [each for each in claims.values() if each.claim.id == id_["id"]]
        named = [each for each in named if id_["article"] in (None, each.article)]
        if len(named) == 1:
            return Found(named[0], "id", 1.0)
        hint = f"it is one of {', '.join(each.name for each in named)}" if named else "see the ids in the articles"
        raise UsageError(f"{query!r} names {len(named)} claims; {hint}")
    scored = [
        (share_words(query, each.claim.text), each.claim.until is None, each)
        for each in sorted(claims.values(), key=lambda each: each.name)
    ]
    if not scored:
        raise UsageError("the manual holds no claim yet")
    exact = [pair for pair in scored if pair[2].claim.text.strip() == query.strip()]
    share, _, best = max(exact or scored, key=lambda pair: pair[:2])
    if share < LEAST:
        raise UsageError(
            f"no claim is like {query!r}; the nearest is {best.name}: {best.claim.text!r} ({share:.0%} of the words)"
        )
    return Found(best, "text", 1.0) if exact else Found(best, "words", share)


def trace_claim(versions: Versions, now: Mapping[str, Article], key: Key) -> list[Step]:
    """What made a claim what it is, newest first, along the branch and through renumbering and moves."""
    steps: list[Step] = []
    entry: Entry | None = None
    newer = now
    for older_entry, older in _states(versions):
        change = _change_of(older, newer, key)
        if change is not None:
            steps.append(Step(entry, change))
            if change.before is None:
                break
            key = change.before.key
        entry, newer = older_entry, older
    return steps


def _states(versions: Versions) -> Sequence[tuple[Entry | None, Mapping[str, Article]]]:
    """States of the manual from the latest commit back, and the empty one before the first.

    A commit with a page that cannot be read is passed over: what it did counts for the next one.
    """
    states: list[tuple[Entry | None, Mapping[str, Article]]] = []
    for entry in versions.repository.history(first_parent=True):
        try:
            states.append((entry, versions.at(entry.hash).articles))
        except DataError:
            continue
    return [*states, (None, {})]


def _change_of(older: Mapping[str, Article], newer: Mapping[str, Article], key: Key) -> Change | None:
    """What became of one claim between two states."""
    same = {slug for slug, article in newer.items() if older.get(slug) is article or older.get(slug) == article}
    if key[0] in same:
        return None
    diff = diff_manuals(_without(older, same), _without(newer, same))
    return next((change for change in diff.changes if change.after and change.after.key == key), None)


def _without(articles: Mapping[str, Article], slugs: set[str]) -> dict[str, Article]:
    return {slug: article for slug, article in articles.items() if slug not in slugs}
