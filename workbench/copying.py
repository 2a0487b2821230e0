"""Answers that are copied from an input: said in the prompt file, held to by engines that can.

An output string may carry `x-copied-from: INPUT` in the prompt file's schema. For one request, the input's name is
replaced by its value; an engine with a grammar then admits only consecutive words of it. Beside it,
`x-copied-shape: REGEX` admits only those that have the shape as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.edits import replace_output
from workbench.errors import UsageError
from workbench.prompts import Prompt

COPY_KEY = "x-copied-from"
"""In a prompt file its value is an input's name, in a request the input's text."""
_PYTHON_ONLY = re.compile(r"\(\?[=!<P(]|(?<!\\)(?:\\\\)*\\[1-9]")
SHAPE_KEY = "x-copied-shape"
"""A regular expression for a whole copied string, without anchors (workbench/shape.py)."""


def schema_for(schema: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """The schema of one request: names of inputs replaced by their values."""
    return {key: _filled(key, value, inputs) for key, value in schema.items()}


def copy_answers(prompt: Prompt, *, field: str, source: str, shape: str | None = None) -> Prompt:
    """Let the strings of an output field be copied from an input, of any shape or of one.

    Raises:
        UsageError: the field holds no strings, or there is no such input.
    """
    if source not in prompt.inputs or field not in prompt.output:
        raise UsageError(
            f"cannot copy {field!r} from {source!r}; inputs {prompt.inputs}, outputs {list(prompt.output)}"
        )
    schema = prompt.output[field]
    marks = {COPY_KEY: source, **({SHAPE_KEY: shape} if shape else {})}
    if schema.get("type") == "string":
        marked = {**_unmarked(schema), **marks}
    elif schema.get("type") == "array" and schema.get("items", {}).get("type") == "string":
        marked = {**schema, "items": {**_unmarked(schema["items"]), **marks}}
    else:
        raise UsageError(f"output {field!r} is {schema!r}; only strings and lists of strings can be copied")
    return replace_output(prompt, {**prompt.output, field: marked})


def check_copies(prompt: Prompt) -> None:
    """Find what would fail at the first call.

    Raises:
        UsageError: a string is copied from no input of the prompt, or its shape is no regular expression.
    """
    for field in prompt.output:
        source, shape = copied_from(prompt, field), copied_shape(prompt, field)
        if source is not None and source not in prompt.inputs:
            raise _no_input(source, prompt.inputs)
        _check_shape(shape or "")


def _check_shape(shape: str) -> None:
    """Refuse what one of the two dialects that read it, Python's and Rust's, does not know."""
    try:
        re.compile(shape)
    except re.error as exc:
        raise UsageError(f"{SHAPE_KEY}: {shape!r} is no regular expression ({exc}); correct it") from exc
    if _PYTHON_ONLY.search(shape):
        raise UsageError(f"{SHAPE_KEY}: {shape!r} looks around or back, which the grammar cannot; word it without")


def _no_input(source: object, inputs: Iterable[str]) -> UsageError:
    return UsageError(f"{COPY_KEY}: {source!r} names no input; inputs are {list(inputs)}")


def without_copies(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for an engine that knows standard keys only."""
    return {
        key: without_copies(value) if isinstance(value, Mapping) else value for key, value in _unmarked(schema).items()
    }


def copied_from(prompt: Prompt, field: str) -> str | None:
    """The input that a field is copied from, if any."""
    return _mark(prompt, field, COPY_KEY)


def copied_shape(prompt: Prompt, field: str) -> str | None:
    """The shape that a copied field is held to, if any."""
    return _mark(prompt, field, SHAPE_KEY)


def _mark(prompt: Prompt, field: str, key: str) -> str | None:
    schema = prompt.output[field]
    found = schema.get(key) or schema.get("items", {}).get(key)
    return str(found) if found else None


def _unmarked(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in (COPY_KEY, SHAPE_KEY)}


def _filled(key: str, value: Any, inputs: Mapping[str, str]) -> Any:
    if key == COPY_KEY:
        if value not in inputs:
            raise _no_input(value, inputs)
        return inputs[value]
    return schema_for(value, inputs) if isinstance(value, Mapping) else value
