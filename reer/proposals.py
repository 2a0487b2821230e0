"""Edits worth a trial: from replies that an article explains worst, from claims that say the same or earn nothing.

Facts that many calls state are added. All other edits go through a sieve, cheap and partial: what they save on their
witnesses, the replies of other calls that they concern most (`reer/witnesses.py`). Every other call is for the sieve;
those that chose an edit have no say at the gate (`reer/gate.py`). The best of a hundred looks good to whoever chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lm.encoder import Encode
from lm.scores import Scorer
from reer.citations import as_sentence, cite, cited_words
from reer.claim_edits import Edit, apply_edit, article_tokens
from reer.draft import candidates, count_words, is_checkable, is_confirmed
from reer.facts import Fact, find_facts
from reer.gains import item_of
from reer.manual import Article, Claim, Source, context_text
from reer.pairs import Pair
from reer.slots import contents, read_slots
from reer.statements import Statement, find_statements
from reer.witnesses import Witnesses

WITNESSES = 3
WORST = 0.5
"""Share of the replies, those with the greatest loss per token, whose statements are proposed."""
ALIKE_COSINE = 0.6
"""Claims that are as alike as this, and share a slot where they have some, may say the same."""
PER_KIND = 3
"""Edits of one kind that go on to the gate, the most promising ones."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An edit, and by what it was chosen."""

    edit: Edit
    saved: float | None = None
    """Nats over all witnesses; None where it did not go through the sieve."""
    chosen_by: frozenset[str] = frozenset()
    """Calls of the sieve that it went through."""


class EditSource(Protocol):
    """Somebody else who proposes edits, such as a model that writes (`reer/model_edits.py`)."""

    async def propose(self, article: Article) -> list[Edit]:
        """Edits of an article as it is; they are screened like all others. A `ModelError` ends the refinement."""
        ...


class Proposer:
    """Proposes edits of one article, round after round."""

    def __init__(
        self, pairs: Sequence[Pair], scorer: Scorer, encode: Encode, *, budget: int, more: EditSource | None = None
    ) -> None:
        """Read the facts of a category.

        Args:
            pairs: of the category.
            scorer: the model that replies are scored by.
            encode: text embeddings.
            budget: tokens that the claims of the article may take.
            more: proposes edits beside those found here.
        """
        self._more = more
        self._pairs = pairs
        self._scorer = scorer
        self._encode = encode
        self._budget = budget
        self._facts = find_facts([each for pair in pairs for each in find_statements(pair)], encode)
        self._witnesses = Witnesses(pairs, encode)
        calls = list(dict.fromkeys(pair.conversation for pair in pairs))
        self._sieve, self._judges = frozenset(calls[::2]), frozenset(calls[1::2])

    async def propose(self, article: Article) -> list[Proposal]:
        """Additions, then edits that saved something on their witnesses, the best of each kind, most promising first.

        Raises:
            ModelError: the scorer failed.
        """
        drops = await self._screen(article, self._drops(article))
        spare = sorted(drops, key=_cost)
        kinds = [
            await self._screen(article, self._mergers(article)),  # before dropping either, which loses its sources
            drops,
            await self._screen(article, self._rewordings(article)),
            *[await self._screen(article, edits) for edits in await self._others(article, spare)],
        ]
        best = [each for kind in kinds for each in sorted(kind, key=_cost)[:PER_KIND] if _cost(each) < 0]
        additions = (await self._additions(article, spare))[:PER_KIND]
        return [*map(Proposal, additions), *sorted(best, key=_cost)]

    def supersessions(self, article: Article) -> list[Edit]:
        """Claims with a value that newer calls have replaced: not a matter of likelihood, so never gated."""
        edits = []
        for fact in self._facts:
            if fact.until is None:
                continue
            heard = {cited_words(statement) for statement in fact.statements}
            for claim in article.current:
                if heard & _words_of(article, claim) and fact.gone & contents(read_slots(claim.text)):
                    reason = f"calls from {fact.until.isoformat()} on say otherwise"
                    edits.append(Edit("UPDATE", article.category, reason, (claim.id,), until=fact.until.isoformat()))
        return edits

    async def _screen(self, article: Article, edits: Sequence[Edit]) -> list[Proposal]:
        """Score each edit on its witnesses, with the article as it is and as it would be."""
        before, book, items, owners = [], context_text(article), [], []
        for place, edit in enumerate(edits):
            after = context_text(apply_edit(article, edit))
            for pair in self._concerned(article, edit):
                before.append(item_of(pair, book))
                items.append(item_of(pair, after))
                owners.append(place)
        scores = await self._scorer.score([*before, *items])
        saved = np.zeros(len(edits))
        for owner, old, new in zip(owners, scores[: len(items)], scores[len(items) :], strict=True):
            saved[owner] += new.total - old.total
        return [Proposal(edit, float(saved[place]), self._sieve) for place, edit in enumerate(edits)]

    def _concerned(self, article: Article, edit: Edit) -> list[Pair]:
        """Replies of the sieve most concerned by an edit, but of the calls whose words go or come by it."""
        texts = [claim.text for claim in article.claims if claim.id in edit.removed]
        texts += [edit.text] if edit.text else []
        own = contents(slot for text in texts for slot in read_slots(text))
        return self._witnesses.find(own, self._encode(texts), apart=edit.touches(article) | self._judges, n=WITNESSES)

    def _drops(self, article: Article) -> list[Edit]:
        return [Edit("DELETE", article.category, "it earns nothing", (claim.id,)) for claim in article.current]

    def _rewordings(self, article: Article) -> list[Edit]:
        """Every claim in other, shorter words of its own fact; longer ones would need room."""
        edits = []
        for claim in article.current:
            fact = self._fact_of(article, claim)
            for statement in candidates(fact) if fact else ():
                if len(as_sentence(statement)) < len(claim.text):
                    text, sources = _cited(article, fact, statement)
                    edits.append(Edit("UPDATE", article.category, "other words", (claim.id,), text, sources))
        return edits

    def _mergers(self, article: Article) -> list[Edit]:
        """Two claims that say the same become the first or the second of them, with the sources of both."""
        claims = article.current
        if len(claims) < 2:
            return []
        alike = self._encode([claim.text for claim in claims])
        edits = []
        for a in range(len(claims)):
            for b in range(len(claims)):
                if a == b or float(alike[a] @ alike[b]) < ALIKE_COSINE or not _may_be_same(claims[a], claims[b]):
                    continue
                notes = dict.fromkeys((*claims[a].sources, *claims[b].sources))
                sources = tuple(article.source(note) for note in notes)
                reason = f"{claims[a].id} and {claims[b].id} say the same"
                removed = (claims[a].id, claims[b].id)
                edits.append(Edit("MERGE", article.category, reason, removed, claims[a].text, sources))
        return edits

    async def _additions(self, article: Article, spare: Sequence[Proposal]) -> list[Edit]:
        """Facts that the article lacks, of the replies that it explains worst, what most calls state first.

        What earns least makes room.
        """
        scores = await self._scorer.score([item_of(pair, context_text(article)) for pair in self._pairs])
        worst = sorted(range(len(self._pairs)), key=lambda place: -scores[place].nll)
        ids = {self._pairs[place].id for place in worst[: max(1, round(WORST * len(worst)))]}
        heard = {words for claim in article.current for words in _words_of(article, claim)}
        heard |= {article.source(claim.sources[0]).words for claim in article.claims if claim.until}
        edits = []
        for fact in sorted(self._facts, key=lambda fact: -len(fact.conversations)):
            stated = any(cited_words(statement) in heard for statement in fact.statements)
            told = any(each.pair.id in ids for each in fact.statements)
            if fact.until is not None or stated or not told or not (is_confirmed(fact) or is_checkable(fact)):
                continue
            text, sources = _cited(article, fact, candidates(fact)[0])
            removed = self._room(article, count_words(text), spare)
            if removed is not None:
                reason = f"{len(fact.conversations)} calls say so, and are explained badly"
                edits.append(Edit("ADD", article.category, reason, removed, text, sources))
        return edits

    async def _others(self, article: Article, spare: Sequence[Proposal]) -> list[list[Edit]]:
        """Edits of others, kind by kind; what they add must find room."""
        kinds: dict[str, list[Edit]] = {}
        for edit in await self._more.propose(article) if self._more else ():
            removed: tuple[str, ...] | None = edit.removed
            if edit.op == "ADD" and edit.text is not None:
                removed = self._room(article, count_words(edit.text), spare)
            if removed is not None:
                kinds.setdefault(edit.op, []).append(replace(edit, removed=removed))
        return list(kinds.values())

    def _room(self, article: Article, tokens: int, spare: Sequence[Proposal]) -> tuple[str, ...] | None:
        """Ids of the claims that must go to keep the budget, those whose loss costs least; None when none suffices."""
        excess = article_tokens(article) + tokens - self._budget
        lengths = {claim.id: count_words(claim.text) for claim in article.current}
        removed: list[str] = []
        for proposal in spare:
            if excess <= 0:
                break
            (id_,) = proposal.edit.removed
            removed.append(id_)
            excess -= lengths[id_]
        return tuple(removed) if excess <= 0 else None

    def _fact_of(self, article: Article, claim: Claim) -> Fact | None:
        cited = _words_of(article, claim)
        return next((fact for fact in self._facts if cited & {cited_words(each) for each in fact.statements}), None)


def _cost(proposal: Proposal) -> float:
    """Nats that an edit cost its witnesses; below 0 where it saved some."""
    return -(proposal.saved or 0.0)


def _words_of(article: Article, claim: Claim) -> set[tuple[str, str]]:
    """What each source of a claim said."""
    return {article.source(note).words for note in claim.sources}


def _cited(article: Article, fact: Fact, statement: Statement) -> tuple[str, tuple[Source, ...]]:
    """A statement as a claim of the article, with the sources of its fact."""
    sources = {source.id: source for source in article.sources}
    notes = cite(fact, statement, sources)
    return as_sentence(statement), tuple(sources[note] for note in notes)


def _may_be_same(a: Claim, b: Claim) -> bool:
    one, other = contents(read_slots(a.text)), contents(read_slots(b.text))
    return one <= other or other <= one
