"""The evidence that a reflecting model sees: failures beside similar successes, and the prompt they came from.

Every text is bounded, so that two pairs of cases fit one request whatever the inputs and answers hold.

    for failure, *successes in pair_outcomes(outcomes, rng):
        text = describe_case(prompt, failure)
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from apo.batches import clip
from apo.edit import EDITABLE
from apo.evaluate import Outcome
from apo.examples import Example, normalized_text
from workbench.nearest import Bm25
from workbench.prompts import Nearest, Prompt
from workbench.rendering import file_demos, render

FAILURES = 12
"""Most failures that one proposal round looks at."""
CASE_TOKENS = 400
"""About the most of one case; what is longer loses its middle."""


def pair_outcomes(outcomes: Sequence[Outcome], rng: random.Random) -> list[list[Outcome]]:
    """Failures, one label pattern after another, each followed by the nearest success; missing data is left out.

    As long as there are enough, no success is shown twice.
    """
    failures = [outcome for outcome in outcomes if outcome.tally is not None and not outcome.right]
    successes = [outcome for outcome in outcomes if outcome.right]
    index = Bm25([normalized_text(outcome.example) for outcome in successes])
    used: set[int] = set()
    pairs = []
    for failure in _stratify(failures, rng)[:FAILURES]:
        query = normalized_text(failure.example)
        near = index.top(query, 1, exclude=used) or index.top(query, 1)
        used.update(near)
        pairs.append([failure, *(successes[position] for position in near)])
    return pairs


def _stratify(outcomes: Sequence[Outcome], rng: random.Random) -> list[Outcome]:
    """Shuffle within each label pattern, then take one of each in turn."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.example.pattern].append(outcome)
    for group in groups.values():
        rng.shuffle(group)
    return [outcome for outcome in chain(*zip_longest(*groups.values())) if outcome is not None]


def list_rules(prompt: Prompt) -> str:
    """The rules that may be edited, with slot and id, and the output fields with their JSON schemas."""
    rules = [rule for slot in EDITABLE for rule in prompt.rules(slot)]
    lines = [f"{rule.slot} [{rule.id}]{' (locked)' if rule.locked else ''} {rule.text}" for rule in rules]
    return "\n".join([*lines, f"output fields: {json.dumps(prompt.output, ensure_ascii=False)}"])


def list_turns(prompt: Prompt, example: Example) -> str:
    """The turns before a case's own: the system turn and the demos of the file."""
    retrieved = isinstance(prompt.demo_mode, Nearest)
    note = ["Then solved examples near the input, chosen for each case."] if retrieved else []
    inputs = {name: example.inputs[name] for name in prompt.inputs}
    turns = render(prompt, inputs, file_demos(prompt))[:-1]
    return "\n".join([*(f"{role}: {content}" for role, content in turns), *note])


def describe_case(prompt: Prompt, outcome: Outcome) -> str:
    """The trace of one case: its own turn, what the model wrote, how that was read, and what gold says."""
    gold, answers = outcome.example.gold, outcome.answers
    inputs = {name: outcome.example.inputs[name] for name in prompt.inputs}
    read = "nothing: it could not be read" if outcome.error == "parse" else _list(answers)
    lines = [
        f"[{'right' if outcome.right else 'wrong'}; kind: {clip(outcome.example.pattern, 10)}]",
        f"user: {clip(render(prompt, inputs, ())[-1][1], CASE_TOKENS // 2)}",
        f"assistant: {clip(outcome.text, CASE_TOKENS // 8)}",
        f"read as: {read}",
        f"gold: {_list(gold)}",
    ]
    if not outcome.right:
        lines.append(f"missed: {_list([answer for answer in gold if answer not in answers])}")
        lines.append(f"invented: {_list([answer for answer in answers if answer not in gold])}")
    return "\n".join(lines)


def _list(answers: Sequence[str]) -> str:
    return clip(json.dumps(list(answers), ensure_ascii=False), CASE_TOKENS // 12)
