"""A manual: one article per category, each claim with the sources it was heard from.

A model is shown the claims alone, as `context_text` gives them; `reer/page.py` writes articles as Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Status = Literal["draft", "stable", "deprecated"]
Tier = Literal["unverified", "machine-confirmed", "human-reviewed"]


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
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Keys of others, such as a title, kept as they are."""

    @property
    def words(self) -> tuple[str, str]:
        """Its pair and quote: two sentences of one reply are two sources."""
        return self.pair, self.quote


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
class Check:
    """Somebody, or something, compared an article with its sources."""

    by: str
    """An actor: `human:ID`, `process:ID` or `PRODUCER/VERSION`."""
    at: str
    """ISO instant."""
    content: str | None = None
    """Digest of what was checked (`reer.trust.digest`), where it was noted."""


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
    status: Status = "draft"
    stale_after: str | None = None
    """ISO instant from which on somebody has to look again."""
    verified: tuple[Check, ...] = ()
    accepted: tuple[str, ...] = ()
    """Keys of lint findings that a person looked at and lets stand."""
    remarks: tuple[str, ...] = ()
    """Lines that a person wrote between the claims; kept, and not shown to a model."""
    claims_made: int = 0
    """Highest number that a claim of the article ever had; one that was deleted does not come back as another."""
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Front matter of others, kept as it is."""

    @property
    def current(self) -> tuple[Claim, ...]:
        """Claims that hold as far as is known."""
        return tuple(claim for claim in self.claims if claim.until is None)

    @property
    def tier(self) -> Tier:
        """How far it may be trusted, from who has verified it."""
        if any(check.by.startswith("human:") for check in self.verified):
            return "human-reviewed"
        return "machine-confirmed" if self.verified else "unverified"

    def source(self, id_: str) -> Source:
        """The source of a footnote.

        Raises:
            KeyError: there is none.
        """
        return {source.id: source for source in self.sources}[id_]

    def next_claim_id(self) -> str:
        """An id that no claim of the article has or had."""
        return f"c{1 + self.highest_claim}"

    @property
    def highest_claim(self) -> int:
        """Highest number that a claim has or had."""
        return max(self.claims_made, *(int(claim.id[1:]) for claim in self.claims), 0)


def context_text(article: Article) -> str:
    """The article as a model reads it: title and current claims."""
    return claims_text(article.title, [claim.text for claim in article.current])


def claims_text(title: str, claims: Sequence[str]) -> str:
    """Claims under a title, as a model reads them."""
    return f"# {title}\n" + "".join(f"- {claim}\n" for claim in claims)
