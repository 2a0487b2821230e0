"""Edits of an article: a claim is added, reworded, merged with another or deleted, and nothing else changes.

    edit = Edit("UPDATE", "cards", "c3 said shorter", removed=("c3",), added=("A lost card costs 12 euros.", ("s4",)))
    after = apply_edit(article, edit)

Applying is a function of the article and the edit alone; whether it helps is for `reer/gate.py` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reer.citations import free_id
from reer.draft import count_words
from reer.manual import Article, Claim, Source

Op = Literal["ADD", "UPDATE", "MERGE", "DELETE"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one article."""

    op: Op
    category: str
    reason: str
    """Why it was proposed, for people."""
    removed: tuple[str, ...] = ()
    """Ids of claims that go; an UPDATE keeps the first one's id for what comes in its place, a MERGE too."""
    text: str | None = None
    """What comes: the new claim, or the new words of one."""
    sources: tuple[Source, ...] = ()
    """Where `text` was heard, first where its words are from; ids that the article has are its own."""
    until: str | None = None
    """ISO date: the removed claims stay as history that ended then."""

    def touches(self, article: Article) -> frozenset[str]:
        """Calls whose words go or come by the edit; a reply of theirs is no witness for or against it.

        A claim is worded by its first source. The others say the same in words of their own, so they are the witnesses:
        without them, the better a claim is confirmed, the fewer replies could speak for it.
        """
        gone = {claim.sources[0] for claim in article.claims if claim.id in self.removed}
        heard = {source.conversation for source in article.sources if source.id in gone}
        return frozenset(heard | {source.conversation for source in self.sources[:1]})


def can_apply(article: Article, edit: Edit) -> bool:
    """Whether the claims that an edit removes still stand, and what it adds does not yet."""
    current = {claim.id for claim in article.current}
    return set(edit.removed) <= current and (edit.op == "MERGE" or all(c.text != edit.text for c in article.current))


def apply_edit(article: Article, edit: Edit) -> Article:
    """The article after the edit; sources that no claim cites any more are left out.

    Sources of the edit keep their ids where these are free, and are the article's own where it has the same words.

    Raises:
        ValueError: a claim that the edit removes is not there.
    """
    known = {claim.id for claim in article.claims}
    if missing := [id_ for id_ in edit.removed if id_ not in known]:
        raise ValueError(f"article {article.category!r} has no claim {missing[0]!r}")
    heard = _entered(article, edit.sources)
    claims: list[Claim] = []
    for claim in article.claims:
        if claim.id not in edit.removed:
            claims.append(claim)
            continue
        if edit.until is not None:
            claims.append(replace(claim, until=edit.until))
        if edit.text is not None and claim.id == edit.removed[0] and edit.op in ("UPDATE", "MERGE"):
            claims.append(_new_claim(article, edit, heard, None if edit.until else claim.id))
    if edit.op == "ADD":
        claims.append(_new_claim(article, edit, heard, None))
    cited = {note for claim in claims for note in claim.sources}
    sources = {source.id: source for source in (*article.sources, *heard)}
    kept = tuple(source for source in sources.values() if source.id in cited)
    return replace(article, claims=tuple(claims), sources=kept, claims_made=article.highest_claim)


def article_tokens(article: Article) -> int:
    """Length of the current claims, as budgets count it."""
    return sum(count_words(claim.text) for claim in article.current)


def _new_claim(article: Article, edit: Edit, heard: Sequence[Source], id_: str | None) -> Claim:
    assert edit.text is not None
    return Claim(id_ or article.next_claim_id(), edit.text, tuple(source.id for source in heard))


def _entered(article: Article, sources: Sequence[Source]) -> tuple[Source, ...]:
    """Sources under ids that mean the same in the article."""
    taken = {source.id: source for source in article.sources}
    known = {source.words: source for source in article.sources}
    entered = []
    for source in sources:
        same = known.get(source.words)
        if same is None:
            same = source if source.id not in taken else replace(source, id=free_id(taken))
            taken[same.id] = known[same.words] = same
        entered.append(same)
    return tuple({source.id: source for source in entered}.values())
