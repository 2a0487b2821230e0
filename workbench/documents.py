"""A text with labelled spans: the unit that every tool reads, writes and scores.

The one invariant: `text == document.text[start:end]` for every span, in character offsets, end exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from workbench.errors import DataError


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of a document's text."""

    start: int
    """First character, 0-based."""
    end: int
    """One past the last character."""
    label: str
    text: str
    normalized: str | None = None
    """The name a registry would use, when known."""
    score: float | None = None
    sources: tuple[str, ...] = ()
    """Who said so: annotators, models, prompts."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text, its spans in reading order, and whatever else is known of it."""

    id: str
    text: str
    spans: tuple[Span, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse a span that does not spell its own text."""
        for span in self.spans:
            if not 0 <= span.start < span.end <= len(self.text):
                where = f"lies outside its text of {len(self.text)} characters"
                raise DataError(f"document {self.id!r}: span {span.start}:{span.end} {where}")
            if self.text[span.start : span.end] != span.text:
                raise DataError(
                    f"document {self.id!r}: span {span.start}:{span.end} says {span.text!r}"
                    f" but the text there is {self.text[span.start : span.end]!r}"
                )

    def strings(self, labels: Sequence[str] | None = None) -> tuple[str, ...]:
        """Distinct span texts in reading order, of all labels or of those given."""
        kept = (s.text for s in sorted(self.spans, key=lambda s: s.start) if labels is None or s.label in labels)
        return tuple(dict.fromkeys(kept))
