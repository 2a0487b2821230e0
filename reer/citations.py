"""From statements to claims: the words as one sentence, and a footnote for each reply that says the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reer.facts import Fact
from reer.manual import Source
from reer.statements import Statement

_NOTE = re.compile(r"\[\^([\w.-]+)\]")
_ENDED = re.compile(r" \(until (\d{4}-\d{2}-\d{2})\)$")


def cite(fact: Fact, chosen: Statement, sources: dict[str, Source]) -> tuple[str, ...]:
    """Enter the statements of a fact among the sources of an article and return their footnotes, the chosen one first.

    Args:
        fact: what is cited.
        chosen: the statement that the claim is worded by.
        sources: of the article, by id; new ones are added.
    """
    cited = [chosen, *(each for each in fact.statements if each is not chosen)]
    return tuple(dict.fromkeys(_enter(statement, sources) for statement in cited))


def as_sentence(statement: Statement) -> str:
    """The statement with a capital; its words stay.

    Only what a page would read as its own marks loses them: a footnote like `[^1]` its caret, and `(until 2026-01-02)`
    at the end its parentheses.
    """
    text = _ENDED.sub(r" until \1", _NOTE.sub(r"[\1]", one_line(statement.text)))
    return text[0].upper() + text[1:]


def one_line(text: str) -> str:
    """Text without line breaks and repeated spaces."""
    return " ".join(text.split())


def cited_words(statement: Statement) -> tuple[str, str]:
    """The `Source.words` of a source of the statement."""
    return statement.pair.id, one_line(statement.text)


def _enter(statement: Statement, sources: dict[str, Source]) -> str:
    pair, words = statement.pair, cited_words(statement)
    for source in sources.values():
        if source.words == words:
            return source.id
    id_ = free_id(sources)
    date = pair.date.isoformat() if pair.date else None
    speaker = pair.speaker.removeprefix("human:") if pair.speaker else None
    sources[id_] = Source(id_, pair.id, pair.conversation, pair.turn, words[1], speaker, date)
    return id_


def free_id(taken: Iterable[str]) -> str:
    """A footnote that is not taken."""
    numbers = [int(id_[1:]) for id_ in taken if id_[:1] == "s" and id_[1:].isdecimal()]
    return f"s{1 + max(numbers, default=0)}"
