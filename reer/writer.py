"""The model that writes traces: a first one from conversation and reply, and other versions of one segment.

What it answers is data, read by schema: a step is one line, without its number, and none that the prompts' own examples
show, which weak models give back. An answer that cannot be read is a `ModelError` of cause `parse`.

    writer = Writer(road)
    trace = await writer.draft(pair, seed=0)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lm.base import Reply, Request, to_messages
from lm.road import Road
from reer.gains import MAX_TURNS
from reer.pairs import Pair, conversation_text
from workbench.errors import ModelError
from workbench.prompts import Prompt, packaged_prompt
from workbench.rendering import file_demos, output_schema, parse_answer, render

TEMPERATURE = 0.8
"""As in the released code of REER."""
DRAFT_TOKENS = 1024
SEGMENT_TOKENS = 256
"""Longest answers; the schemas bound the text, this bounds the time of a model that writes on without end."""
NO_TURN = "(the agent spoke first)"
NOTHING = "(nothing)"

_NUMBER = re.compile(r"(?:(?:step )?\d{1,2}[.):] |[-*•] )+", re.IGNORECASE)


class Writer:
    """Asks over a road, which counts, caps and stores; sees as much of a conversation as the model that scores."""

    def __init__(self, road: Road) -> None:
        """Load the prompts."""
        self.road = road
        self.prompts = {name: packaged_prompt(f"reer/{name}") for name in ("trace", "segment")}
        drafts, rewrites = (file_demos(prompt) for prompt in self.prompts.values())
        shown = [*(step for demo in drafts for step in demo.outputs["steps"]), *(d.outputs["better"] for d in rewrites)]
        self._shown = {_one_line(step) for step in shown}

    async def draft(self, pair: Pair, *, seed: int) -> str:
        """A first trace, a step a line.

        Raises:
            ModelError: cause `parse`, there is no trace in the answer; else there was no answer.
            BudgetError: a cap is reached.
        """
        prompt = self.prompts["trace"]
        reply = await self.road.complete(_request(prompt, _inputs(pair), DRAFT_TOKENS, seed))
        steps = dict.fromkeys(_one_line(step) for step in parse_answer(prompt, reply.text)["steps"])
        kept = [step for step in steps if step and step not in self._shown]
        if not kept:
            raise ModelError(f"the answer holds no step of its own: {reply.text[:200]!r}", cause="parse")
        return "\n".join(kept)

    async def rewrite(
        self, pair: Pair, segments: Sequence[str], place: int, *, n: int, seed: int
    ) -> list[str | ModelError]:
        """At most `n` other versions of one segment, equal ones once; an error where an answer could not be used.

        Raises:
            ModelError: a call got no answer for a reason that may pass.
            BudgetError: a cap is reached.
        """
        prompt = self.prompts["segment"]
        inputs = {
            **_inputs(pair),
            "before": "".join(segments[:place]).strip() or NOTHING,
            "step": segments[place].strip(),
            "after": "".join(segments[place + 1 :]).strip() or NOTHING,
        }
        requests = [_request(prompt, inputs, SEGMENT_TOKENS, seed + number) for number in range(n)]
        outcomes = [_read(prompt, reply) for reply in await self.road.complete_all(requests)]
        return list(dict.fromkeys(outcome for outcome in outcomes if outcome not in self._shown | {inputs["step"]}))


def _read(prompt: Prompt, reply: Reply | ModelError) -> str | ModelError:
    """The text of an answer; what is no fault of the answer is raised."""
    try:
        if isinstance(reply, ModelError):
            raise reply
        text = _one_line(parse_answer(prompt, reply.text)["better"])
        if not text:
            raise ModelError(f"the answer is blank: {reply.text[:200]!r}", cause="parse")
        return text
    except ModelError as error:
        if error.cause not in ("parse", "request"):
            raise
        return error


def _inputs(pair: Pair) -> dict[str, str]:
    return {"conversation": conversation_text(pair.x[-MAX_TURNS:]).strip() or NO_TURN, "reply": pair.y}


def _request(prompt: Prompt, inputs: Mapping[str, str], max_tokens: int, seed: int) -> Request:
    messages = to_messages(render(prompt, inputs))
    return Request(messages, max_tokens, temperature=TEMPERATURE, seed=seed, schema=output_schema(prompt))


def _one_line(text: str) -> str:
    """A step on one line, without the number or bullet before it."""
    line = " ".join(text.split())
    number = _NUMBER.match(line)
    return line[number.end() :] if number else line
