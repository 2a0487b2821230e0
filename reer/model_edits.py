"""Edits that a model proposes: facts that it wrote are added, claims that it wrote anew take the place of the old ones.

They go the way of all edits: screened on their witnesses, then judged by the gate. A fact's source is the pair that its
quote stands in, so the replies of that call are no witnesses for it.

    edits = await ModelEdits(road, groups, traces).propose(article)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from lm.road import Road
from reer.citations import cite, one_line
from reer.claim_edits import Edit
from reer.facts import Fact
from reer.lint_book import share_in
from reer.manual import Article
from reer.pairs import Pair
from reer.rewriting import Rewriter
from reer.slots import contents, read_slots
from reer.summary import Summarizer, Written

SAID_SHARE = 0.75
"""Share of a fact's words that a claim with its values has when the article says it already."""


class ModelEdits:
    """The edits of one model, article by article; what it wrote of a pair is asked for once."""

    def __init__(self, road: Road, groups: Mapping[str, Sequence[Pair]], traces: Mapping[str, str]) -> None:
        """Nothing is asked yet.

        Args:
            road: to the model.
            groups: pairs by category.
            traces: by id of the pair; a pair without one is asked about without one.
        """
        self._summarizer, self._rewriter = Summarizer(road), Rewriter(road)
        self._groups, self._traces = groups, traces
        self._facts: dict[str, tuple[Written, ...]] = {}
        self.facts = 0
        """Facts that stood so far."""
        self.refused: Counter[str] = Counter()
        """Why others, and rewrites, did not."""

    async def propose(self, article: Article) -> list[Edit]:
        """Edits of an article as it is.

        Raises:
            ModelError: the model does not answer.
            BudgetError: a cap is reached.
        """
        added = [_addition(article, fact) for fact in await self._read(article.category) if not _says(article, fact)]
        rewrites = await self._rewriter.rewrite(article)
        self.refused.update(rewrites.refused)
        return [*rewrites.edits, *added]

    async def _read(self, category: str) -> tuple[Written, ...]:
        if category not in self._facts:
            summaries = await self._summarizer.write_all(self._groups.get(category, ()), self._traces)
            self._facts[category] = tuple(fact for summary in summaries for fact in summary.facts)
            self.facts += len(self._facts[category])
            for summary in summaries:
                self.refused.update(summary.refused)
        return self._facts[category]


def _addition(article: Article, fact: Written) -> Edit:
    sources = {source.id: source for source in article.sources}
    statement = fact.statement
    notes = cite(Fact((statement,)), statement, sources)
    text = one_line(fact.text)
    reason = f"a model reads a {fact.kind} in {fact.pair.id}"
    capital = text[0].upper() + text[1:]
    return Edit("ADD", article.category, reason, (), capital, tuple(sources[note] for note in notes))


def _says(article: Article, fact: Written) -> bool:
    """Whether a claim has the values of a fact, and most of its words; one that has ended counts as said, too."""
    values = contents(fact.slots)
    return any(
        values <= contents(read_slots(claim.text)) and share_in(fact.text, claim.text) >= SAID_SHARE
        for claim in article.claims
    )
