"""The gated loop: edits are proposed, judged and, one by one, committed or refused, until none is let in any more.

The manual in Git is the state: an edit that was let in is a commit. A run that was killed is repeated from its first
state when it is started again: scores and answers come from the cache, edits that are commits already are passed by,
and it ends where it would have ended. Claims whose rule has changed by the dates of the calls end first; they are no
matter of likelihood.

    refined = await refine(shelf, groups, tools, max_edits=6, done=print)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reer.claim_edits import Edit, apply_edit, can_apply
from reer.gate import Gate, Verdict
from reer.manual import Article
from reer.page import render_article
from reer.pairs import Pair
from reer.proposals import EditSource, Proposer

BY_DATE = Verdict(True, "newer calls say otherwise")


@dataclass(frozen=True, slots=True)
class Trial:
    """One edit and what became of it."""

    edit: Edit
    verdict: Verdict
    article: Article
    """As it is afterwards."""


Keep = Callable[[Article, Trial], Article]
"""Makes an edit lasting: told of the article before and of the trial; returns the article as it now stands."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a refinement works with."""

    gate: Gate
    keep: Keep
    tell: Callable[[Trial], None]
    """Told of each trial, refused ones too; not of those that only repeat what a stopped run has done."""
    more: EditSource | None = None
    """Proposes edits beside those that code finds."""


class _PartedError(Exception):
    """A run that is repeated does not make the edits that it made before."""


@dataclass(slots=True)
class _Book:
    """Makes edits lasting, but those that a stopped run has committed before."""

    tools: Tools
    past: deque[Article] = field(default_factory=deque)
    """States still to come by, oldest first."""

    def keep(self, article: Article, trial: Trial) -> Article:
        if not self.past:
            kept = self.tools.keep(article, trial)
            self.tools.tell(trial)
            return kept
        if _words(self.past[0]) != _words(trial.article):
            raise _PartedError
        return self.past.popleft()

    def refuse(self, trial: Trial) -> None:
        if not self.past:
            self.tools.tell(trial)

    def end(self) -> None:
        if self.past:
            raise _PartedError


async def refine_article(
    article: Article, pairs: Sequence[Pair], tools: Tools, *, max_edits: int, past: Sequence[Article] = ()
) -> Article:
    """Refine one article by the replies of its category.

    Args:
        article: as it is.
        pairs: of its category.
        tools: models, gate, and what is done with each trial.
        max_edits: accepted edits after which it ends, those of the past included.
        past: states of the article since the same run was begun and stopped, oldest first, the present one last.

    Raises:
        ModelError: a model failed; what was accepted before is kept.
        DataError: somebody else changed the page meanwhile.
    """
    gate = tools.gate
    proposer = Proposer(pairs, gate.scorer, gate.encode, budget=gate.budget, more=tools.more)
    if past:
        book = _Book(tools, deque(past[1:]))
        try:
            refined = await _edit(past[0], pairs, proposer, book, max_edits)
            return article if book.past else refined
        except _PartedError:
            pass  # another version of the program or of a model: it begins with what is there
    return await _edit(article, pairs, proposer, _Book(tools), max_edits)


async def _edit(article: Article, pairs: Sequence[Pair], proposer: Proposer, book: _Book, max_edits: int) -> Article:
    """Propose and judge until nothing is let in any more."""
    gate = book.tools.gate
    for edit in proposer.supersessions(article):
        article = book.keep(article, Trial(edit, BY_DATE, apply_edit(article, edit)))
    refused: set[tuple[Any, ...]] = set()
    accepted = 0
    while accepted < max_edits:
        before = accepted
        for proposal in await proposer.propose(article):
            edit = proposal.edit
            if accepted == max_edits or not can_apply(article, edit) or _mark(article, edit) in refused:
                continue
            verdict = await gate.judge(article, edit, pairs, apart=proposal.chosen_by)
            trial = Trial(edit, verdict, apply_edit(article, edit) if verdict.accepted else article)
            if verdict.accepted:
                article = book.keep(article, trial)
                accepted += 1
                continue
            refused.add(_mark(article, edit))
            book.refuse(trial)
        if accepted == before:
            book.end()
            break
    return article


async def refine(
    shelf: Mapping[str, Article],
    groups: Mapping[str, Sequence[Pair]],
    tools: Tools,
    *,
    max_edits: int,
    done: Callable[[str], None],
    pasts: Mapping[str, Sequence[Article]] | None = None,
) -> dict[str, Article]:
    """Refine every article of which there are replies, in the order of the manual; returns all articles.

    `done` is told of each category that is; `pasts` are the states of articles since a run was begun and stopped.
    """
    refined = dict(shelf)
    for category, article in shelf.items():
        if category in groups:
            past = (pasts or {}).get(category, ())
            refined[category] = await refine_article(article, groups[category], tools, max_edits=max_edits, past=past)
        done(category)
    return refined


def _words(article: Article) -> str:
    """All of an article but who wrote it and when."""
    return render_article(replace(article, generated_by="", generated_at=""))


def _mark(article: Article, edit: Edit) -> tuple[Any, ...]:
    """An edit by what it does to words, whatever else of the article has changed since it was refused."""
    words = tuple(claim.text for claim in article.claims if claim.id in edit.removed)
    return edit.op, words, edit.text
