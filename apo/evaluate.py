"""Score a prompt on examples: render, ask, parse, tally.

An answer that cannot be read is a wrong answer; a call that failed is missing data and has no tally. An example that a
prompt shows as a demo is not scored by that prompt, and retrieval never offers an example to itself, so no score is
earned by copying.

    outcomes = await Evaluator(road, metric, pool=dev).evaluate(prompt, dev)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apo.examples import Example
from apo.retrieve import Retriever
from apo.task import answers_of
from lm.base import Reply, Request, to_messages
from lm.road import Road, request_key
from workbench.copying import schema_for
from workbench.errors import ModelError
from workbench.metrics import Metric, Tally
from workbench.prompts import Prompt
from workbench.rendering import file_demos, output_schema, parse_answer, render

GIVEN_UP = ModelError("no answer in the interrupted run", cause="given_up")
"""Stands for the failure of a call that is not repeated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one prompt made of one example."""

    example: Example
    answers: tuple[str, ...]
    tally: Tally | None
    """None when the call failed: missing data, not a wrong answer."""
    error: str | None = None
    """Why there is no answer: `parse` (scored as wrong), or the cause of a failed call."""
    text: str = ""
    """What the model wrote."""
    key: str = ""
    """Content hash of the request."""

    @property
    def right(self) -> bool:
        """Whether nothing is missing and nothing is too much."""
        return self.tally is not None and self.tally.num == self.tally.den


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are drawn."""

    max_tokens: int = 64
    temperature: float = 0.0


class Evaluator:
    """Scores prompts of one task on one model; remembers which distinct requests were asked."""

    def __init__(
        self,
        road: Road,
        metric: Metric,
        *,
        pool: Sequence[Example] = (),
        decoding: Decoding | None = None,
        lost: Collection[str] = (),
    ) -> None:
        """Set up for one task and model.

        Args:
            road: to the model.
            metric: scores the answers.
            pool: the examples that retrieval may show as demos.
            decoding: how answers are drawn.
            lost: keys of requests that an interrupted run gave up; they stay missing, so that its search repeats.
        """
        self.road = road
        self.metric = metric
        self.asked: set[str] = set()
        """Keys of all distinct requests so far, answered by the engine or by the reply store."""
        self._retriever = Retriever(pool)
        self._decoding = decoding or Decoding()
        self._lost = frozenset(lost)

    async def evaluate(
        self, prompt: Prompt, examples: Sequence[Example], *, on_done: Callable[[], None] | None = None
    ) -> list[Outcome]:
        """Score a prompt; outcomes come in the order of the examples, those shown as demos left out."""
        scored = self.scorable(prompt, examples)
        schema = output_schema(prompt)
        requests = [self._request(prompt, example, schema) for example in scored]
        keys = [request_key(request, self.road.engine.name) for request in requests]
        self.asked.update(keys)

        def tick(_position: int, _outcome: Reply | ModelError) -> None:
            if on_done is not None:
                on_done()

        sent = [request for request, key in zip(requests, keys, strict=True) if key not in self._lost]
        replies = iter(await self.road.complete_all(sent, on_done=tick))
        found = [GIVEN_UP if key in self._lost else next(replies) for key in keys]
        outcomes = (self._outcome(prompt, example, reply) for example, reply in zip(scored, found, strict=True))
        return [replace(outcome, key=key) for outcome, key in zip(outcomes, keys, strict=True)]

    def scorable(self, prompt: Prompt, examples: Sequence[Example]) -> list[Example]:
        """The examples that the prompt does not show among the demos of its file."""
        shown = {fold_inputs(prompt, demo.inputs) for demo in file_demos(prompt)}
        return [example for example in examples if fold_inputs(prompt, example.inputs) not in shown]

    def _request(self, prompt: Prompt, example: Example, schema: Mapping[str, Any]) -> Request:
        inputs = {name: example.inputs[name] for name in prompt.inputs}
        demos = self._retriever.nearest(prompt, inputs)
        return Request(
            to_messages(render(prompt, inputs, demos)),
            max_tokens=self._decoding.max_tokens,
            temperature=self._decoding.temperature,
            schema=schema_for(schema, inputs),
        )

    def _outcome(self, prompt: Prompt, example: Example, reply: Reply | ModelError) -> Outcome:
        if isinstance(reply, ModelError):
            return Outcome(example, (), None, reply.cause)
        try:
            answers = answers_of(parse_answer(prompt, reply.text))
        except ModelError as exc:
            return Outcome(example, (), _wrong(self.metric.tally(example.document, ())), exc.cause, reply.text)
        return Outcome(example, answers, self.metric.tally(example.document, answers), None, reply.text)


def _wrong(tally: Tally) -> Tally:
    """The tally of an unreadable answer: nothing found, and where nothing was to be found one false claim."""
    return tally if tally.num < tally.den else Tally(0.0, 1.0)


def fold_inputs(prompt: Prompt, inputs: Mapping[str, str]) -> str:
    """One text for a prompt's inputs, to tell whether two are the same."""
    return json.dumps([inputs[name] for name in prompt.inputs], ensure_ascii=False)
