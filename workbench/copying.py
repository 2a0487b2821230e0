"""Answers that are copied from an input: said in the prompt file, held to by engines that can.

An output string may carry `x-copied-from: INPUT` in the prompt file's schema. For one request, the input's name is
replaced by its value; an engine with a grammar then admits only consecutive words of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.edits import replace_output
from workbench.errors import UsageError
from workbench.prompts import Prompt

COPY_KEY = "x-copied-from"
"""In a prompt file its value is an input's name, in a request the input's text."""


def schema_for(schema: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """The schema of one request: names of inputs replaced by their values."""
    return {key: _filled(key, value, inputs) for key, value in schema.items()}


def copy_answers(prompt: Prompt, *, field: str, source: str) -> Prompt:
    """Let the strings of an output field be copied from an input.

    Raises:
        UsageError: the field holds no strings, or there is no such input.
    """
    if source not in prompt.inputs or field not in prompt.output:
        raise UsageError(
            f"cannot copy {field!r} from {source!r}; inputs {prompt.inputs}, outputs {list(prompt.output)}"
        )
    schema = prompt.output[field]
    if schema.get("type") == "string":
        marked = {**schema, COPY_KEY: source}
    elif schema.get("type") == "array" and schema.get("items", {}).get("type") == "string":
        marked = {**schema, "items": {**schema["items"], COPY_KEY: source}}
    else:
        raise UsageError(f"output {field!r} is {schema!r}; only strings and lists of strings can be copied")
    return replace_output(prompt, {**prompt.output, field: marked})


def copied_from(prompt: Prompt, field: str) -> str | None:
    """The input that a field is copied from, if any."""
    schema = prompt.output[field]
    found = schema.get(COPY_KEY) or schema.get("items", {}).get(COPY_KEY)
    return str(found) if found else None


def _filled(key: str, value: Any, inputs: Mapping[str, str]) -> Any:
    if key == COPY_KEY:
        if value not in inputs:
            raise UsageError(f"{COPY_KEY}: {value!r} names no input; inputs are {list(inputs)}")
        return inputs[value]
    return schema_for(value, inputs) if isinstance(value, Mapping) else value
