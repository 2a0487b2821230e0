"""Facts that a model writes from a conversation, the reply and a trace; kept only where code can stand behind them.

The monologue of a trace is stripped by construction: a fact is one objective sentence and rests on words that stand in
the reply. A trace may say what matters; what only a trace says is refused, since nobody has said it to a customer.

    summary = await Summarizer(road).write(pair, trace)
    summary.facts[0].text, summary.facts[0].quote, summary.refused
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lm.base import Reply, Request, to_messages
from lm.road import Road
from reer.fact_kinds import FactKind
from reer.gains import MAX_TURNS
from reer.lint_book import share_in
from reer.lint_conditions import lost_bounds
from reer.pairs import Pair, conversation_text
from reer.slots import THINGS, Slot, contents, read_slots
from reer.statements import MIN_WORDS, Statement, sentences
from reer.wording import PER, Fault, denies_otherwise, form_fault, loose_values, speaks_of_itself, value_fault
from reer.writer import NO_TURN
from workbench.copying import schema_for
from workbench.errors import ModelError
from workbench.nearest import tokenize
from workbench.prompts import packaged_prompt
from workbench.rendering import output_schema, parse_answer, render

MAX_WORDS = 40
"""Words of a fact; a Chinese character is a word."""
SUPPORT = 0.5
"""Share of a fact's words of content that conversation and reply must have: terms are theirs, wording is not."""
FACT_TOKENS = 1024
"""Longest answer."""
NO_TRACE = "(none)"

Refusal = Literal[
    "unreadable",
    "no-quote",
    "too-short",
    "too-long",
    "not-one-sentence",
    "name",
    "unsupported",
    "repeated",
    "no-value",
    Fault,
]
"""Why nothing is made of what a model wrote."""

_FREE = re.compile(
    r"\bcosts? (?:you )?nothing|\bfree of charge|\b(?:is|are) free\b|\b(?:no|without) (?:fee|charge|cost)s?\b|免费",
    re.I,
)
_NAME = r"([A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)"
_NAMES = (
    re.compile(rf"\b(?i:my name(?:'s|’s| is)|call me|i['’]m|i am) {_NAME}"),
    re.compile(rf"\b(?i:this is|it['’]s) {_NAME}(?=[,.!]| (?:speaking|here|calling|from)\b)"),
    re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Herr|Frau)\.? {_NAME}"),
    re.compile(
        r"我(?:叫|是)([\u3400-\u9fff]{2,3})(?=[，。,.！]|$)|我姓([\u3400-\u9fff])|([\u3400-\u9fff])(?=先生|女士|小姐)"
    ),
)
_CHINESE_TITLE = re.compile(r"[\u3400-\u9fff](?:先生|女士|小姐)")
_ROLES = frozenset({"agent", "human", "customer", "team", "process", "client", "caller", "assistant", "user"})


@dataclass(frozen=True, slots=True)
class Written:
    """A fact in a model's words, and the words of the reply that it rests on."""

    kind: FactKind
    """As the model has it; nothing depends on it."""
    text: str
    pair: Pair
    """Where the quote was said."""
    quote: str
    """As it stands in the reply, white space included."""
    slots: tuple[Slot, ...]
    """Read by code; offsets are those of `text`."""

    @property
    def statement(self) -> Statement:
        """The quote, as footnotes cite it."""
        start = self.pair.y.index(self.quote)
        return Statement(self.quote, self.pair, start, start + len(self.quote), read_slots(self.quote))


@dataclass(frozen=True, slots=True)
class Summary:
    """What stood of a model's answer about one pair."""

    facts: tuple[Written, ...] = ()
    refused: Mapping[Refusal, int] = field(default_factory=dict)


class Summarizer:
    """Asks over a road, which counts, caps and stores."""

    def __init__(self, road: Road) -> None:
        """Load the prompt."""
        self.road = road
        self.prompt = packaged_prompt("reer/facts")

    async def write(self, pair: Pair, trace: str = "") -> Summary:
        """The facts of one pair.

        Raises:
            ModelError: there was no answer for a reason that may pass.
            BudgetError: a cap is reached.
        """
        (summary,) = await self.write_all([pair], {pair.id: trace})
        return summary

    async def write_all(self, pairs: Sequence[Pair], traces: Mapping[str, str]) -> list[Summary]:
        """The facts of each pair, in order; a pair without a trace is asked about without one.

        Raises:
            ModelError: a call got no answer for a reason that may pass.
            BudgetError: a cap is reached.
        """
        requests = [self._request(pair, traces.get(pair.id, "")) for pair in pairs]
        outcomes = await self.road.complete_all(requests)
        return [self._read(pair, outcome) for pair, outcome in zip(pairs, outcomes, strict=True)]

    def _request(self, pair: Pair, trace: str) -> Request:
        talk = conversation_text(pair.x[-MAX_TURNS:]).strip() or NO_TURN
        inputs = {"conversation": talk, "reply": pair.y, "trace": trace.strip() or NO_TRACE}
        messages = to_messages(render(self.prompt, inputs))
        return Request(messages, FACT_TOKENS, schema=schema_for(output_schema(self.prompt), inputs))

    def _read(self, pair: Pair, outcome: Reply | ModelError) -> Summary:
        try:
            if isinstance(outcome, ModelError):
                raise outcome
            records = parse_answer(self.prompt, outcome.text)["facts"]
        except ModelError as error:
            if error.cause not in ("parse", "request"):
                raise
            return Summary(refused={"unreadable": 1})
        return check_facts(pair, records)


def check_facts(pair: Pair, records: Sequence[Mapping[str, Any]]) -> Summary:
    """Keep the facts that code can stand behind, and count the others by what is wrong with them first.

    Args:
        pair: what they are said to come from.
        records: `kind`, `text` and `quote` of each, of the types that the prompt asks for.
    """
    facts: list[Written] = []
    refused: Counter[Refusal] = Counter()
    said: set[tuple[str, ...]] = set()
    for record in records:
        text, quote = record["text"].strip(), _find(record["quote"], pair.y)
        words = tuple(tokenize(text))
        problem = _problem(text, quote, pair) or _record_problem(record["kind"], text, repeated=words in said)
        if problem is None and quote is not None:
            said.add(words)
            facts.append(Written(record["kind"], text, pair, quote, read_slots(text)))
        else:
            refused[problem or "no-quote"] += 1
    return Summary(tuple(facts), dict(refused))


def _record_problem(kind: FactKind, text: str, *, repeated: bool) -> Refusal | None:
    """What is wrong with a sentence that is true, as the fact that it is given for."""
    if repeated:
        return "repeated"
    return None if _has_its_value(kind, text) else "no-value"


def _find(quote: str, reply: str) -> str | None:
    """The stretch of a reply that a quote is, white space folded; whole words, and enough of them to rest on."""
    if len(tokenize(quote)) < MIN_WORDS:
        return None
    words = quote.split()
    inner = r"\s+".join(re.escape(word) for word in words)
    before = r"(?<![A-Za-z0-9])" if words[0][0].isascii() and words[0][0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if words[-1][-1].isascii() and words[-1][-1].isalnum() else ""
    match = re.search(before + inner + after, reply)
    return match[0] if match else None


def _problem(text: str, quote: str | None, pair: Pair) -> Refusal | None:
    """The first thing that code has against a fact."""
    if fault := form_fault(text):
        return fault
    if quote is None:
        return "no-quote"
    if not MIN_WORDS <= len(tokenize(text)) <= MAX_WORDS:
        return "too-short" if len(tokenize(text)) < MIN_WORDS else "too-long"
    if len(list(sentences(text))) > 1:
        return "not-one-sentence"
    if speaks_of_itself(text):
        return "first-person"
    if _names_somebody(text, pair):
        return "name"
    return _content_problem(text, quote, pair)


def _content_problem(text: str, quote: str, pair: Pair) -> Refusal | None:
    """The first thing that a fact states otherwise than its basis."""
    if fault := value_fault(text, pair.y):
        return fault
    if _values(text) - _values(quote):
        return "value"
    if next(lost_bounds(quote, text), None) is not None:
        return "bound"
    if denies_otherwise(text, quote):
        return "denial"
    return None if _is_supported(text, quote, pair) else "unsupported"


def _values(text: str) -> frozenset[tuple[str, str]]:
    """What must stand in the quote itself: a value from elsewhere in the reply belongs to something else."""
    read = contents(slot for slot in read_slots(text) if slot.kind not in THINGS)
    return read | {(loose, "") for loose in loose_values(text) if not loose.startswith(PER)}


def _has_its_value(kind: FactKind, text: str) -> bool:
    """Whether an amount, a limit or a deadline gives one."""
    if kind not in ("amount", "limit", "deadline"):
        return True
    measured = any(slot.kind not in THINGS for slot in read_slots(text))
    return measured or bool(loose_values(text)) or _FREE.search(text) is not None


def _is_supported(text: str, quote: str, pair: Pair) -> bool:
    """Whether a fact speaks in the terms of the conversation, and of what its quote speaks of."""
    talk = f"{conversation_text(pair.x[-MAX_TURNS:])} {pair.y}"
    shares = contents(read_slots(text)) & contents(read_slots(quote))
    return share_in(text, talk) >= SUPPORT and bool(shares or share_in(text, quote))


def _names_somebody(text: str, pair: Pair) -> bool:
    """Whether a fact names who spoke or who was spoken to."""
    names = {part for part in re.split(r"\W+", pair.speaker or "") if len(part) > 2 and part.lower() not in _ROLES}
    for said in (*(turn.content for turn in pair.x), pair.y):
        for pattern in _NAMES:
            names |= {name for match in pattern.finditer(said) for name in match.groups() if name}
    parts = {part.casefold() for name in names for part in name.split()}
    words = {word.casefold() for word in re.findall(r"[A-Z][\w'’-]*", text)}
    chinese = any(name in text for name in names if len(name) > 1 and not name.isascii())
    return (
        bool(parts & {re.sub(r"['’]s?$", "", word) for word in words}) or chinese or bool(_CHINESE_TITLE.search(text))
    )
