"""From a prompt file and inputs to chat turns, and from the model's answer back to values.

The one invariant: a value is substituted once and never read again, so `{text}` inside an input stays what it is.
One output field is answered as a bare JSON value, the shortest answer there is; several as one JSON object.

    turns = render(prompt, {"text": "Siemens lifts outlook"})
    values = parse_answer(prompt, '["Siemens"]')
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NoReturn

from workbench.errors import DataError, ModelError, UsageError
from workbench.prompts import PLACEHOLDER, Fixed, Prompt, Slot

Turn = tuple[Literal["system", "user", "assistant"], str]

_FENCE = re.compile(r"```(?:json)?[ \t]*\r?\n(.*?)\r?\n?```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Demo:
    """A solved example; its outputs must satisfy the prompt's schema."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, Any]


def file_demos(prompt: Prompt) -> tuple[Demo, ...]:
    """The demos of the prompt file, in order."""
    records = [json.loads(rule.text) for rule in prompt.rules("demos")]
    return tuple(
        Demo({name: record[name] for name in prompt.inputs}, {name: record[name] for name in prompt.output})
        for record in records
    )


def demo_text(demo: Demo) -> str:
    """The text of a demo's rule in the prompt file: one line of JSON, inputs first."""
    return json.dumps({**demo.inputs, **demo.outputs}, ensure_ascii=False)


def output_schema(prompt: Prompt) -> dict[str, Any]:
    """JSON schema of the answer: of the bare value for one output field, of an object for several.

    Raises:
        DataError: the prompt's schemas are not JSON schemas, or not self-contained.
    """
    schema: dict[str, Any] = {
        "type": "object",
        "properties": dict(prompt.output),
        "required": list(prompt.output),
        "additionalProperties": False,
    }
    if len(prompt.output) == 1:
        schema = dict(*prompt.output.values())
    _validator(json.dumps(schema))
    return schema


def render(prompt: Prompt, inputs: Mapping[str, str], demos: Sequence[Demo] | None = None) -> list[Turn]:
    """Write the chat turns of one request.

    Args:
        prompt: The prompt file.
        inputs: A text for each input of the prompt, and nothing else.
        demos: Solved examples to show, in order; None for those of the file.

    Raises:
        DataError: inputs or a demo do not fit the prompt.
        UsageError: the prompt retrieves its demos and none were passed.
    """
    if demos is None:
        if not isinstance(prompt.demo_mode, Fixed):
            raise UsageError(f"prompt {prompt.task!r} retrieves its demos; pass those retrieved for this input")
        demos = file_demos(prompt)
    last = _user_text(prompt, inputs)
    system = _system_text(prompt, inputs)
    turns: list[Turn] = [("system", system)] if system else []
    for demo in demos:
        turns.append(("user", _user_text(prompt, demo.inputs)))
        turns.append(("assistant", render_answer(prompt, demo.outputs)))
    return [*turns, ("user", last)]


def render_answer(prompt: Prompt, values: Mapping[str, Any]) -> str:
    """Write output values as the model should: one line of JSON. Raises `DataError` when they break the schema."""
    if set(values) != set(prompt.output):
        raise DataError(f"an answer has the fields {list(prompt.output)}, got {list(values)}; correct the demo")
    ordered = {name: values[name] for name in prompt.output}
    answer = next(iter(ordered.values())) if len(ordered) == 1 else ordered
    if problem := _schema_problem(prompt, answer):
        raise DataError(f"answer {answer!r} breaks the output schema: {problem}; correct the demo or the schema")
    return json.dumps(answer, ensure_ascii=False)


def parse_answer(prompt: Prompt, text: str) -> dict[str, Any]:
    """Read a model's answer: JSON alone, or in one fence. Raises `ModelError` with cause `parse`."""
    stripped = text.strip()
    fenced = _FENCE.fullmatch(stripped)
    try:
        answer = json.loads(fenced[1] if fenced else stripped, parse_constant=_refuse_constant)
        json.dumps(answer, ensure_ascii=False).encode()
        problem = _schema_problem(prompt, answer)
    except (ValueError, RecursionError) as exc:
        raise ModelError(f"the answer is not JSON ({exc}): {text[:200]!r}", cause="parse") from exc
    if problem:
        raise ModelError(f"the answer breaks the output schema ({problem}): {text[:200]!r}", cause="parse")
    return {next(iter(prompt.output)): answer} if len(prompt.output) == 1 else dict(answer)


def _system_text(prompt: Prompt, inputs: Mapping[str, str]) -> str:
    named = len(prompt.output) > 1
    fields = [f"{rule.id}: {rule.text}" if named else rule.text for rule in prompt.rules("fields")]
    return "\n".join([*_prose(prompt, "system", inputs), *fields])


def _user_text(prompt: Prompt, inputs: Mapping[str, str]) -> str:
    if set(inputs) != set(prompt.inputs):
        raise DataError(f"prompt {prompt.task!r} takes the inputs {list(prompt.inputs)}, got {list(inputs)}")
    for name, value in inputs.items():
        if not isinstance(value, str):
            raise DataError(f"input {name!r} of prompt {prompt.task!r} must be text, got {value!r}")
    middle = _substitute(prompt.template, inputs)
    return "\n".join([*_prose(prompt, "before", inputs), middle, *_prose(prompt, "after", inputs)])


def _prose(prompt: Prompt, slot: Slot, inputs: Mapping[str, str]) -> list[str]:
    return [_substitute(rule.text, inputs) for rule in prompt.rules(slot)]


def _substitute(template: str, inputs: Mapping[str, str]) -> str:
    """Fill each placeholder in one pass over the template; what is filled in is not read again."""
    return PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}" if match[1] else inputs[match[2]], template)


def _schema_problem(prompt: Prompt, answer: Any) -> str | None:
    """Say in one line how an answer breaks the output schema; None when it does not."""
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    worst = best_match(_validator(json.dumps(output_schema(prompt))).iter_errors(answer))
    return None if worst is None else f"{worst.json_path}: {worst.message[:200]}"


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    """Compile a JSON schema once. It must be self-contained: a `$ref` could reach for the network."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(json.loads(schema))
    except SchemaError as exc:
        raise DataError(f"the output schema is not a JSON schema: {exc.message}; correct it") from exc
    if re.search(r'"\$\w*[rR]ef":', schema):
        raise DataError("the output schema holds a `$ref`; write what it refers to in its place")
    return Draft202012Validator(json.loads(schema))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
