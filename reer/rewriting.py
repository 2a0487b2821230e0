"""Claims that a model writes anew: one said shorter, or two said as one, with all their values and conditions.

    found = await Rewriter(road).rewrite(article)
    found.edits, found.refused

Whether new words serve better is for the gate to say; that they say the same is checked here, as far as code can see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lm.base import Request, to_messages
from lm.road import Road
from reer.claim_edits import Edit
from reer.draft import count_words
from reer.lint_book import share_in
from reer.lint_conditions import lost_bounds, lost_clauses
from reer.manual import Article, Claim
from reer.slots import contents, read_slots
from reer.statements import sentences
from reer.wording import Fault, denies_otherwise, form_fault, loose_values, speaks_of_itself, turns_a_bound
from workbench.errors import ModelError
from workbench.prompts import packaged_prompt
from workbench.rendering import output_schema, parse_answer, render

REWRITE_TOKENS = 1024
"""Longest answer."""
SUPPORT = 0.75
"""Share of the new words of content that the old claims must have."""

Refusal = Literal["unreadable", "unknown-id", "not-shorter", "too-many-sentences", "condition", "unsupported", Fault]
"""Why nothing is made of what a model wrote."""

_CONDITIONS = (
    r"\b(?:if|when|whenever|where|provided|as long as|as soon as|once|in case|those who|whoever)\b|如果|只要|若|凡|时",
    r"\b(?:unless|except|other than|apart from)\b|除非|除外|例外|除了",
    r"\b(?:until|till|before|by|within|at the latest|deadline)\b|之前|以前|以内|内|截止|最晚",
    r"\b(?:after|as of|from|since)\b|之后|以后|起",
    r"\b(?:only|exclusively|solely)\b|只|仅",
    r"\b(?:must|have to|has to|needs?|required?|requires)\b|必须|须|需要?|应",
    r"\b(?:may|can|could|allowed|possible)\b|可以?|能",
    r"\b(?:at least|minimum|no less than|or more)\b|至少|最低|不低于|以上",
    r"\b(?:at most|maximum|up to|(?:no|not) (?:more|longer|later) than|limit\w*)\b|最多|至多|最高|不超过|以下",
    r"\b(?:always|never|per|each|every|first)\b|每|首次|始终|从不",
)
_PATTERNS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _CONDITIONS)
"""Words of a condition or a bound, by what they do: within a line one may stand for another."""


@dataclass(frozen=True, slots=True)
class Rewrites:
    """What stood of a model's answer about one article."""

    edits: tuple[Edit, ...] = ()
    refused: Mapping[Refusal, int] = field(default_factory=dict)


class Rewriter:
    """Asks over a road, which counts, caps and stores."""

    def __init__(self, road: Road) -> None:
        """Load the prompt."""
        self.road = road
        self.prompt = packaged_prompt("reer/rewrite")

    async def rewrite(self, article: Article) -> Rewrites:
        """Edits of an article's current claims.

        Raises:
            ModelError: there was no answer for a reason that may pass.
            BudgetError: a cap is reached.
        """
        if not article.current:
            return Rewrites()
        claims = "\n".join(f"{claim.id}: {claim.text}" for claim in article.current)
        messages = to_messages(render(self.prompt, {"claims": claims}))
        try:
            reply = await self.road.complete(Request(messages, REWRITE_TOKENS, schema=output_schema(self.prompt)))
            records = parse_answer(self.prompt, reply.text)["rewrites"]
        except ModelError as error:
            if error.cause not in ("parse", "request"):
                raise
            return Rewrites(refused={"unreadable": 1})
        return check_rewrites(article, records)


def check_rewrites(article: Article, records: Sequence[Mapping[str, Any]]) -> Rewrites:
    """Keep what says the same in fewer words, and count the rest by what is wrong with it first.

    Args:
        article: whose current claims were shown.
        records: `ids` and `text` of each, of the types that the prompt asks for.
    """
    known = {claim.id: claim for claim in article.current}
    edits: list[Edit] = []
    refused: Counter[Refusal] = Counter()
    for record in records:
        ids, text = [id_.strip("[] ") for id_ in record["ids"]], record["text"].strip()
        if len(set(ids)) < len(ids) or not set(ids) <= set(known):
            refused["unknown-id"] += 1
        elif problem := _problem(text, [known[id_] for id_ in ids]):
            refused[problem] += 1
        else:
            edits.append(_edit(article, [known[id_] for id_ in ids], text))
    return Rewrites(tuple(edits), dict(refused))


def _edit(article: Article, claims: Sequence[Claim], text: str) -> Edit:
    """The new words in the place of the first claim, with the sources of all."""
    ids = tuple(claim.id for claim in claims)
    notes = dict.fromkeys(note for claim in claims for note in claim.sources)
    sources = tuple(article.source(note) for note in notes)
    if len(ids) > 1:
        reason = f"a model says {' and '.join(ids)} as one"
        return Edit("MERGE", article.category, reason, ids, text, sources)
    return Edit("UPDATE", article.category, f"a model says {ids[0]} shorter", ids, text, sources)


def _problem(text: str, claims: Sequence[Claim]) -> Refusal | None:
    """The first thing that code has against new words for one claim or two."""
    old = [claim.text for claim in claims]
    whole = " ".join(old)
    if fault := form_fault(text):
        return fault
    if len(list(sentences(text))) > max(2, len(list(sentences(whole)))):
        return "too-many-sentences"
    if speaks_of_itself(text) and not speaks_of_itself(whole):
        return "first-person"
    if count_words(text) >= sum(map(count_words, old)):
        return "not-shorter"
    if _values(text) != frozenset().union(*map(_values, old)):
        return "value"
    if any(turns_a_bound(text, each) for each in old) or _adds_a_bound(text, old):
        return "bound"
    if denies_otherwise(text, whole):
        return "denial"
    if any(_loses_a_condition(text, each) for each in old) or _adds_a_condition(text, old):
        return "condition"
    return None if share_in(text, whole) >= SUPPORT else "unsupported"


def _values(text: str) -> frozenset[tuple[str, str]]:
    return contents(read_slots(text)) | {(loose, "") for loose in loose_values(text)}


def _adds_a_bound(text: str, old: Sequence[str]) -> bool:
    """Whether a value is bounded that none of the old claims bounds."""
    return all(next(lost_bounds(text, each), None) is not None for each in old)


def _loses_a_condition(text: str, claim: str) -> bool:
    """Whether a condition word, a clause or a bound of a claim is gone."""
    fewer = any(len(pattern.findall(text)) < len(pattern.findall(claim)) for pattern in _PATTERNS)
    return fewer or any(next(lost(claim, text), None) is not None for lost in (lost_clauses, lost_bounds))


def _adds_a_condition(text: str, old: Sequence[str]) -> bool:
    """Whether a kind of condition is there that none of the old claims has."""
    whole = " ".join(old)
    return any(pattern.search(text) and not pattern.search(whole) for pattern in _PATTERNS)
