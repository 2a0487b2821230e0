"""The gate: an edit is let in when other customers' replies become likelier, by more than noise, and answers no worse.

Every edit is judged on the replies of its category from calls that its words do not come from, so that copying a
reply into a manual earns nothing by that reply, and that did not choose it. The two figures are paired, and calls are
resampled, not replies. Nothing is let in that makes the article longer than its budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lm.encoder import Encode
from lm.scores import Scorer
from reer.answers import Answers
from reer.claim_edits import Edit, apply_edit, article_tokens
from reer.gains import item_of
from reer.manual import Article, context_text
from reer.pairs import Pair
from reer.similarity import compare
from workbench.metrics import Tally
from workbench.stats import Interval, Sample, paired_gain

CONFIDENCE = 0.68
"""One standard error to either side. A claim speaks to few of a category's twenty-odd calls: at 0.95 nothing true that
two of them state would ever pass. What many such decisions are worth together is told by the exam, on calls unseen."""
MIN_CALLS = 4
"""Fewer calls to judge by decide nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of an edit, and why."""

    accepted: bool
    why: str
    nll: Interval | None = None
    """Change of nats per token; below 0 is better."""
    similarity: Interval | None = None
    """Change of answer similarity; measured only where the loss falls."""
    pairs: tuple[str, ...] = ()
    """Ids of the replies it was judged on."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges edits of the articles of one manual."""

    scorer: Scorer
    answers: Answers | None
    """None where no model writes answers: then the loss alone decides, and the log says so."""
    encode: Encode
    budget: int
    """Tokens that the claims of one article may take."""
    rng: Callable[[], np.random.Generator]
    """A fresh generator of the same seed each time: an edit's interval does not depend on the edits before it."""

    async def judge(
        self, article: Article, edit: Edit, pairs: Sequence[Pair], *, apart: frozenset[str] = frozenset()
    ) -> Verdict:
        """Judge an edit of an article by the replies of its category, but of the calls that chose the edit.

        Raises:
            ModelError: a model failed; nothing is decided then.
        """
        after = apply_edit(article, edit)
        before_tokens, after_tokens = article_tokens(article), article_tokens(after)
        if after_tokens > self.budget and after_tokens > before_tokens:
            return Verdict(False, f"{after_tokens} tokens, the budget is {self.budget}")
        touched = edit.touches(article) | apart
        judges = [pair for pair in pairs if pair.conversation not in touched]
        calls = {pair.conversation for pair in judges}
        if len(calls) < MIN_CALLS:
            return Verdict(False, f"only {len(calls)} calls to judge by, {MIN_CALLS} are needed")
        ids = tuple(pair.id for pair in judges)
        books = (context_text(article), context_text(after))
        nll = paired_gain(*[await self._losses(judges, book) for book in books], rng=self.rng(), confidence=CONFIDENCE)
        if nll.high >= 0:
            return Verdict(False, "the loss does not fall by more than noise", nll, None, ids)
        if self.answers is None:
            return Verdict(True, "the loss falls; no answers were compared", nll, None, ids)
        before, then = [await self._likenesses(self.answers, judges, book) for book in books]
        similarity = paired_gain(before, then, rng=self.rng(), confidence=CONFIDENCE)
        if similarity.high < 0:
            return Verdict(False, "answers become less like the expert's", nll, similarity, ids)
        return Verdict(True, "the loss falls and answers are no worse", nll, similarity, ids)

    async def _losses(self, pairs: Sequence[Pair], book: str) -> Sample:
        scores = await self.scorer.score([item_of(pair, book) for pair in pairs])
        return by_call([Tally(-score.total, len(score.logprobs)) for score in scores], pairs)

    async def _likenesses(self, answers: Answers, pairs: Sequence[Pair], book: str) -> Sample:
        written = await answers.write(pairs, [book] * len(pairs))
        found = compare(written, [pair.y for pair in pairs], self.encode)
        return by_call([Tally(each.similarity, 1) for each in found], pairs)


def by_call(tallies: Sequence[Tally], pairs: Sequence[Pair]) -> Sample:
    """Tallies summed over the replies of a call: replies of one call are no independent witnesses."""
    return Sample.of_groups(tallies, [pair.conversation for pair in pairs])
