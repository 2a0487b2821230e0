"""The first draft of an article: the facts that save the most on other customers' replies, within a token budget.

Each fact is stated by the one of its statements that is worth most, a token having its price where room is short. Facts
that more than one call states come first. Facts that save nothing stay out, however true they are: an article has no
room for what does not help.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lm.encoder import Encode
from lm.scores import Scorer
from reer.facts import Fact, find_facts
from reer.gains import Worth, measure
from reer.pairs import Pair
from reer.slots import contents
from reer.statements import Statement, find_statements
from reer.witnesses import Witnesses
from workbench.nearest import tokenize

WITNESSES = 4
"""Replies that a statement is scored on, none of the call that it is from."""
LONE_NATS = 2.0
"""What a fact that one call states must save on each of its witnesses: of those below, one in ten was a fact on the
example bank, the rest was small talk with a number in it."""
CANDIDATES = 3
"""Statements of a fact that are tried."""
PRICES = (0.0, 0.1, 0.2, 0.4, 0.8)
"""What a token may cost, in nats: the less room there is, the shorter the words that a fact is given."""
TOLD_WORDS = 0.5
"""Share of the words of a lone statement that stand in another which says the same."""
_POINTING = re.compile(r"(?:it|that|this|they|those|these|he|she)\b|[这那它他她]", re.IGNORECASE)
"""How statements begin that need the one before."""

VALUES = ("amount", "rate", "span", "date", "hour")
"""Kinds of slots that are a fact of their own when two calls agree on them."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A fact as an article states it."""

    fact: Fact
    statement: Statement
    worth: Worth


@dataclass(frozen=True, slots=True)
class Draft:
    """What goes into an article, and what stays out."""

    chosen: tuple[Chosen, ...]
    """Confirmed ones first, then by worth per token."""
    ended: tuple[Chosen, ...]
    """Facts that a newer one of the article replaces."""
    tokens: int
    """Of the chosen statements."""
    refused: int
    """Facts that save nothing, or that one call states in words alone or beside others that do."""
    crowded: int
    """Facts that save something and found no room."""

    @property
    def saved(self) -> float:
        """Nats that the chosen statements save on their witnesses, each alone."""
        return sum(chosen.worth.saved for chosen in self.chosen)


def count_words(text: str) -> int:
    """A length for budgets that needs no tokenizer: about four thirds of a token a word, a Chinese character a word."""
    return round(len(tokenize(text)) * 4 / 3) + 1


async def draft_article(title: str, pairs: Sequence[Pair], scorer: Scorer, encode: Encode, *, budget: int) -> Draft:
    """Choose the facts of one category.

    Args:
        title: of the article.
        pairs: of the category, for building.
        scorer: the model that replies are scored by.
        encode: text embeddings.
        budget: tokens that the claims may take.
    """
    statements = [statement for pair in pairs for statement in find_statements(pair)]
    facts = find_facts(statements, encode)
    tried = {statement.text: statement for fact in facts for statement in candidates(fact)}
    witnesses = _witnesses(list(tried.values()), pairs, encode)
    worth = await measure(scorer, title, witnesses, {text: count_words(text) for text in tried})
    drafts = [
        _fill([each for fact in facts for each in _statements_of(fact, worth, price)], budget) for price in PRICES
    ]
    return max(drafts, key=lambda draft: draft.saved)


def candidates(fact: Fact) -> list[Statement]:
    """Statements that may word a fact: first such as name what they speak of, without numbers of their own case."""
    said = [(each.pair.conversation, contents(each.slots)) for each in (*fact.statements, *fact.beside)]

    def rank(statement: Statement) -> tuple[bool, int, int, int]:
        others = frozenset().union(*(slots for call, slots in said if call != statement.pair.conversation))
        own = contents(statement.slots)
        return _POINTING.match(statement.text) is not None, len(own - others), -len(own & others), len(statement.text)

    return sorted(fact.statements, key=rank)[:CANDIDATES]


def _witnesses(statements: Sequence[Statement], pairs: Sequence[Pair], encode: Encode) -> dict[str, list[Pair]]:
    """For each statement the replies of other calls that it concerns most."""
    witnesses = Witnesses(pairs, encode)
    points = encode([statement.text for statement in statements])
    found: dict[str, list[Pair]] = {}
    for place, statement in enumerate(statements):
        own, call = contents(statement.slots), statement.pair.conversation
        found[statement.text] = witnesses.find(own, points[place : place + 1], apart={call}, n=WITNESSES)
    return found


def _statements_of(fact: Fact, worth: dict[str, Worth], price: float) -> list[Chosen]:
    """The best statement of a fact, then the best of what other calls agree on and it does not say."""
    chosen: list[Chosen] = []
    rest: Fact | None = fact
    while rest is not None and (best := _best(rest, worth, price)) is not None:
        chosen.append(best)
        rest = _unsaid(fact, [each.statement for each in chosen], worth)
    values = [{slot.content for slot in each.statement.slots if slot.kind in VALUES} for each in chosen]
    return [each for each, own in zip(chosen, values, strict=True) if not any(own < other for other in values)]


def _unsaid(fact: Fact, said: Sequence[Statement], worth: dict[str, Worth]) -> Fact | None:
    """The part of a fact whose value stands in none of the statements, though two calls give it and one was tried."""
    known = {slot.content for statement in said for slot in statement.slots}
    for content in dict.fromkeys(s.content for each in fact.statements for s in each.slots if s.kind in VALUES):
        part = _that_gives(content, fact)
        tried = any(statement.text in worth for statement in part.statements)
        if content not in known and tried and is_confirmed(part):
            return part
    return None


def _that_gives(content: tuple[str, str], fact: Fact) -> Fact:
    """The part of a fact whose statements give a value."""
    said, beside = (
        tuple(each for each in group if content in contents(each.slots)) for group in (fact.statements, fact.beside)
    )
    return replace(fact, statements=said, beside=beside)


def _best(fact: Fact, worth: dict[str, Worth], price: float) -> Chosen | None:
    """The statement of a fact that is worth most when its tokens are paid for."""
    tried = [Chosen(fact, statement, worth[statement.text]) for statement in fact.statements if statement.text in worth]

    def value(each: Chosen) -> tuple[bool, float]:
        return each.worth.saved > 0, each.worth.saved - price * each.worth.tokens

    return max(tried, key=value, default=None)


def is_confirmed(fact: Fact) -> bool:
    """Whether more than one call states it."""
    return len(fact.conversations) > 1


def is_checkable(fact: Fact) -> bool:
    """Whether it holds more than words and bare counts, which in a single call are mostly small talk."""
    return any(slot.kind != "count" for statement in fact.statements for slot in statement.slots)


def _helps(chosen: Chosen) -> bool:
    """Whether it saves something; what one call alone states must be checkable, and save much."""
    if is_confirmed(chosen.fact):
        return chosen.worth.saved > 0
    return is_checkable(chosen.fact) and chosen.worth.saved >= LONE_NATS * max(1, chosen.worth.n)


def _fill(facts: Sequence[Chosen], budget: int) -> Draft:
    """Take what calls confirm, then the rest, what is worth most per token first; what ended takes no room."""
    chosen: list[Chosen] = []
    tokens = crowded = told = 0
    ended = tuple(each for each in facts if each.fact.until is not None)
    current = [each for each in facts if each.fact.until is None]
    helpful = [each for each in current if _helps(each)]
    helpful.sort(key=lambda each: (not is_confirmed(each.fact), -each.worth.per_token))
    for each in helpful:
        if _is_told(each, chosen):
            told += 1
            continue
        if tokens + each.worth.tokens > budget:
            crowded += 1
            continue
        chosen.append(each)
        tokens += each.worth.tokens
    return Draft(tuple(chosen), ended, tokens, len(current) - len(helpful) + told, crowded)


def _is_told(each: Chosen, chosen: Sequence[Chosen]) -> bool:
    """Whether one call alone states it, with nothing but values, and mostly words, of a statement that is chosen."""
    own = {slot.content for slot in each.statement.slots if slot.kind != "count"}
    words = set(tokenize(each.statement.text))
    return not is_confirmed(each.fact) and any(
        own <= contents(other.statement.slots)
        and len(words & set(tokenize(other.statement.text))) >= TOLD_WORDS * len(words)
        for other in chosen
    )
