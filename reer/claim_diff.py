"""What changed between two states of a manual, claim by claim: the unit that a reviewer accepts is a claim, not a line.

Claims are matched by id in their article, then by equal text, then by the words that they share, so a claim that was
reworded or moved is one change and not a removal and an addition.

    diff = diff_manuals(old, new)
    print(format_diff(diff))
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

from reer.manual import Article, Claim, Source

Kind = Literal["added", "removed", "changed", "moved", "ended", "resumed", "cited"]
Key = tuple[str, str]
"""Article and id of a claim."""

ALIKE, ALIKE_ELSEWHERE = 0.6, 0.8
"""Share of common words from which two claims of one article, or of two, are one that was reworded."""
REPLACES = 0.5
"""Share of common words from which a current claim is said to replace one that has ended."""


@dataclass(frozen=True, slots=True)
class Located:
    """A claim where it stands, with what it cites."""

    article: str
    claim: Claim
    sources: tuple[Source, ...]

    @property
    def key(self) -> Key:
        """Article and id."""
        return self.article, self.claim.id

    @property
    def name(self) -> str:
        """As people write it: `cards:c3`."""
        return f"{self.article}:{self.claim.id}"


@dataclass(frozen=True, slots=True)
class Change:
    """One claim that differs; at least one side is there."""

    before: Located | None
    after: Located | None
    replaced_by: Located | None = None
    """Of a claim that ended: the current claim that says otherwise, when one shares enough words with it."""

    @property
    def kind(self) -> Kind:
        """The foremost of what happened to it; one that moved may have been reworded too."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        if self.before.article != self.after.article:
            return "moved"
        if (self.before.claim.until is None) != (self.after.claim.until is None):
            return "resumed" if self.after.claim.until is None else "ended"
        same_words = (self.before.claim.text, self.before.claim.until) == (
            self.after.claim.text,
            self.after.claim.until,
        )
        return "cited" if same_words else "changed"

    @property
    def article(self) -> str:
        """Where it is listed: where the claim stands now, or stood."""
        place = self.after or self.before
        assert place is not None
        return place.article


@dataclass(frozen=True, slots=True)
class Setting:
    """A fact of an article itself that differs."""

    article: str
    name: str
    before: str | None
    """None where there was no such article, or no value."""
    after: str | None


@dataclass(frozen=True, slots=True)
class ManualDiff:
    """All differences, by article."""

    changes: tuple[Change, ...] = field(default=())
    settings: tuple[Setting, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether both states say the same."""
        return not self.changes and not self.settings


def diff_manuals(old: Mapping[str, Article], new: Mapping[str, Article]) -> ManualDiff:
    """All differences between two states of a manual, each article under its category."""
    before, after = locate(old), locate(new)
    pairs = _match(before, after)
    taken = {key for pair in pairs for key in pair}
    changes = [_change(before[a], after[b], new) for a, b in pairs if before[a] != after[b]]
    changes += [Change(found, None) for key, found in before.items() if key not in taken]
    changes += [Change(None, found) for key, found in after.items() if key not in taken]
    order = {"removed": 0, "ended": 1, "changed": 2, "moved": 3, "resumed": 4, "added": 5, "cited": 6}
    changes.sort(key=lambda change: (change.article, order[change.kind], _number(change)))
    return ManualDiff(tuple(changes), tuple(_diff_settings(old, new)))


def locate(articles: Mapping[str, Article]) -> dict[Key, Located]:
    """Every claim of a manual by its article and id."""
    found: dict[Key, Located] = {}
    for slug, article in articles.items():
        sources = {source.id: source for source in article.sources}
        for claim in article.claims:
            found[slug, claim.id] = Located(slug, claim, tuple(sources[id_] for id_ in claim.sources))
    return found


def find_replacement(ended: Claim, article: Article) -> Claim | None:
    """The current claim of an article that says what an ended one said, when one shares enough words with it."""
    scored = [(share_words(ended.text, claim.text), claim) for claim in article.current if claim.id != ended.id]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] >= REPLACES else None


def share_words(a: str, b: str) -> float:
    """How alike two texts are, from 0 to 1: twice their common words by all their words, case and marks aside."""
    left, right = Counter(_words(a)), Counter(_words(b))
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0


def mark_words(before: str, after: str) -> str:
    """One line that shows what became of a text, word by word: `costs [-12-] {+14+} euros`."""
    old, new = before.split(), after.split()
    parts: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts += old[a:b]
            continue
        parts += [f"[-{' '.join(old[a:b])}-]"] if b > a else []
        parts += [f"{{+{' '.join(new[c:d])}+}}"] if d > c else []
    return " ".join(parts)


def _match(before: Mapping[Key, Located], after: Mapping[Key, Located]) -> list[tuple[Key, Key]]:
    """Pairs of keys that are one claim. Nothing depends on which side is the old one."""
    pairs = [(key, key) for key in before if key in after]
    left = sorted(key for key in before if key not in after)
    right = sorted(key for key in after if key not in before)
    for same_article in (True, False):
        for found in (_match_texts, _match_words):
            new = found({key: before[key] for key in left}, {key: after[key] for key in right}, same_article)
            pairs += new
            left = [key for key in left if key not in {a for a, _ in new}]
            right = [key for key in right if key not in {b for _, b in new}]
    return pairs


def _match_texts(
    before: Mapping[Key, Located], after: Mapping[Key, Located], same_article: bool
) -> list[tuple[Key, Key]]:
    """Claims of equal text, in the order of their keys."""
    groups: dict[tuple[str, str], tuple[list[Key], list[Key]]] = {}
    for side, located in enumerate((before, after)):
        for key, found in located.items():
            group = (found.article if same_article else "", found.claim.text)
            groups.setdefault(group, ([], []))[side].append(key)
    return [pair for olds, news in groups.values() for pair in zip(olds, news, strict=False)]


def _match_words(
    before: Mapping[Key, Located], after: Mapping[Key, Located], same_article: bool
) -> list[tuple[Key, Key]]:
    """The most similar claims first; what is equally similar goes by keys, which differ between the sides."""
    least = ALIKE if same_article else ALIKE_ELSEWHERE
    scored = [
        (-score, *sorted((a, b)), a, b)
        for a, old in before.items()
        for b, new in after.items()
        if (old.article == new.article or not same_article)
        and (score := share_words(old.claim.text, new.claim.text)) >= least
    ]
    pairs: list[tuple[Key, Key]] = []
    taken: set[Key] = set()
    for *_, a, b in sorted(scored):
        if a not in taken and b not in taken:
            pairs.append((a, b))
            taken |= {a, b}
    return pairs


def _change(before: Located, after: Located, new: Mapping[str, Article]) -> Change:
    change = Change(before, after)
    if change.kind != "ended":
        return change
    claim = find_replacement(after.claim, new[after.article])
    return Change(
        before, after, locate({after.article: new[after.article]})[after.article, claim.id] if claim else None
    )


def _diff_settings(old: Mapping[str, Article], new: Mapping[str, Article]) -> Iterator[Setting]:
    for slug in sorted({*old, *new}):
        before, after = _settings(old.get(slug)), _settings(new.get(slug))
        for name in before | after:
            if before.get(name) != after.get(name):
                yield Setting(slug, name, before.get(name), after.get(name))


def _settings(article: Article | None) -> dict[str, str | None]:
    if article is None:
        return {}
    return {
        "title": article.title,
        "description": article.description,
        "status": article.status,
        "stale_after": article.stale_after,
        "verified": _joined(f"{check.by} at {check.at}" for check in article.verified),
        "accepted": _joined(article.accepted),
        "remarks": _joined(line for line in article.remarks if line),
        "others": _joined(f"{key}: {value}" for key, value in article.extra.items()),
    }


def _joined(parts: Iterable[str]) -> str | None:
    return "; ".join(parts) or None


def _number(change: Change) -> tuple[int, str]:
    place = change.after or change.before
    assert place is not None
    return int(place.claim.id[1:]), place.article


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+(?:[.,:]\d+)*", text.casefold())
