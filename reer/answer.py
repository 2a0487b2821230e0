"""An answer that a model writes from claims, and the checks that it must pass before anybody sees it.

What a model writes is data. Code checks that each claim it cites was shown to it, that each amount, date, document and
other slot of the answer stands in a cited claim, and that the answer is plain text. An answer that fails is withheld.
What code cannot see is a sentence that turns a claim's meaning round and keeps its values.

    written = await write_answer(road, "What does a lost card cost?", found.hits[:8])
    written.text if written.withheld is None else written.withheld
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lm.base import Request, to_messages
from lm.road import Road
from reer.ask import Hit
from reer.slots import read_slots
from workbench.errors import ModelError
from workbench.prompts import packaged_prompt
from workbench.rendering import output_schema, parse_answer, render

OFFERED = 8
"""Claims that a model is shown."""
ANSWER_TOKENS = 1024
"""Longest answer; a reasoning model thinks in it too."""
_MARKUP = re.compile(r"[<>`\[\]{}|]|://|\bwww\.|\S@\S")


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, or why it is withheld."""

    text: str = ""
    """Empty where the model says that the manual is silent, and where the answer is withheld."""
    cited: tuple[Hit, ...] = ()
    withheld: str | None = None
    """Why nobody sees the answer."""

    @property
    def silent(self) -> bool:
        """Whether the model says that no claim answers."""
        return not self.text and self.withheld is None


async def write_answer(road: Road, question: str, hits: Sequence[Hit]) -> Written:
    """Let a model answer from claims.

    Args:
        road: to the model.
        question: as it was asked.
        hits: the claims it may use.

    Raises:
        ModelError: there was no answer at all; one that cannot be read is withheld instead.
    """
    prompt = packaged_prompt("reer/answer")
    claims = "\n".join(f"{hit.id}: {hit.claim.text}" for hit in hits)
    messages = to_messages(render(prompt, {"question": question, "claims": claims}))
    reply = await road.complete(Request(messages, ANSWER_TOKENS, schema=output_schema(prompt)))
    try:
        values = parse_answer(prompt, reply.text)
    except ModelError:
        return Written(withheld="it is not of the form that was asked for")
    return check_answer(values["answer"], values["cited"], hits)


def check_answer(answer: str, ids: Sequence[str], hits: Sequence[Hit]) -> Written:
    """Let an answer through, or say why not.

    Args:
        answer: as the model wrote it.
        ids: of the claims that it cites.
        hits: the claims that it was shown.
    """
    text = " ".join(answer.split())
    shown = {hit.id: hit for hit in hits}
    named = list(dict.fromkeys(id_.strip("[] ") for id_ in ids))
    cited = tuple(shown[id_] for id_ in named if id_ in shown)
    problem = _form_problem(answer, text, named) or _source_problem(text, named, cited)
    return Written(withheld=problem) if problem else Written(text, cited)


def _form_problem(answer: str, text: str, named: Sequence[str]) -> str | None:
    if found := _MARKUP.search(text):
        return f"it holds markup or an address ({found[0]!r})"
    if any(unicodedata.category(mark) in ("Cc", "Cf", "Co", "Cn") and mark not in "\n\r\t" for mark in answer):
        return "it holds characters that cannot be seen"
    if text and not named:
        return "it cites no claim"
    return "it cites claims and says nothing" if named and not text else None


def _source_problem(text: str, named: Sequence[str], cited: Sequence[Hit]) -> str | None:
    if len(cited) < len(named):
        return "it cites a claim that it was not shown"
    held = {slot.content for hit in cited for slot in read_slots(hit.claim.text)}
    rest = text
    for slot in read_slots(text):
        if slot.content not in held:
            return f"{text[slot.start : slot.end]!r} stands in no claim that it cites"
        rest = rest[: slot.start] + " " * (slot.end - slot.start) + rest[slot.end :]
    number = next((word for word in rest.split() if any(mark.isnumeric() for mark in word)), None)
    return f"{number!r} is a number that cannot be compared with a claim" if number else None
