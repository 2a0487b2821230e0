"""The gated loop: edits are proposed, judged and, one by one, committed or refused, until none is let in any more.

The manual in Git is the state: an edit that was let in is a commit, so a run that was killed goes on from there when it
is started again, and scores and answers of edits that were refused come from the cache. Claims whose rule has changed
by the dates of the calls end first; they are no matter of likelihood.

    refined = await refine(shelf, groups, tools, max_edits=6, done=print)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reer.claim_edits import Edit, apply_edit
from reer.gate import Gate, Verdict
from reer.manual import Article
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
    """Told of each trial, refused ones too."""
    more: EditSource | None = None
    """Proposes edits beside those that code finds."""


async def refine_article(article: Article, pairs: Sequence[Pair], tools: Tools, *, max_edits: int) -> Article:
    """Refine one article by the replies of its category.

    Args:
        article: as it is.
        pairs: of its category.
        tools: models, gate, and what is done with each trial.
        max_edits: accepted edits after which it ends.

    Raises:
        ModelError: a model failed; what was accepted before is kept.
        DataError: somebody else changed the page meanwhile.
    """
    gate = tools.gate
    proposer = Proposer(pairs, gate.scorer, gate.encode, budget=gate.budget, more=tools.more)
    for edit in proposer.supersessions(article):
        article = _kept(article, Trial(edit, BY_DATE, apply_edit(article, edit)), tools)
    refused: set[tuple[Any, ...]] = set()
    accepted = 0
    while accepted < max_edits:
        for proposal in await proposer.propose(article):
            edit = proposal.edit
            if _mark(article, edit) in refused:
                continue
            verdict = await tools.gate.judge(article, edit, pairs)
            trial = Trial(edit, verdict, apply_edit(article, edit) if verdict.accepted else article)
            if verdict.accepted:
                article = _kept(article, trial, tools)
                accepted += 1
                break
            refused.add(_mark(article, edit))
            tools.tell(trial)
        else:
            return article
    return article


async def refine(
    shelf: Mapping[str, Article],
    groups: Mapping[str, Sequence[Pair]],
    tools: Tools,
    *,
    max_edits: int,
    done: Callable[[str], None],
) -> dict[str, Article]:
    """Refine every article of which there are replies, in the order of the manual; returns all articles.

    `done` is told of each category that is.
    """
    refined = dict(shelf)
    for category, article in shelf.items():
        if category in groups:
            refined[category] = await refine_article(article, groups[category], tools, max_edits=max_edits)
        done(category)
    return refined


def _kept(article: Article, trial: Trial, tools: Tools) -> Article:
    kept = tools.keep(article, trial)
    tools.tell(trial)
    return kept


def _mark(article: Article, edit: Edit) -> tuple[Any, ...]:
    """An edit by what it does to words, whatever else of the article has changed since it was refused."""
    words = tuple(claim.text for claim in article.claims if claim.id in edit.removed)
    return edit.op, words, edit.text
