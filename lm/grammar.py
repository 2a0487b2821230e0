"""A JSON schema as a grammar for llama.cpp's constrained decoding (llguidance's Lark dialect).

Two things that a schema alone does not give: no white space but `json.dumps`'s, and strings that are copied. A string
schema with `x-copied-from: TEXT` can only be answered with consecutive words of TEXT, so an extraction cannot invent a
name, and with `x-copied-shape: REGEX` only with those that have the shape. Engines without such a grammar ignore both.

    to_grammar({"type": "array", "items": {"type": "string", "x-copied-from": "Siemens lifts outlook"}})
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from workbench.copying import COPY_KEY, SHAPE_KEY

COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
MAX_ITEMS = 16
"""Longest list of copied strings where the schema sets none: a small model would repeat itself to the end."""


def to_grammar(schema: Mapping[str, Any]) -> str:
    """Write the grammar of one schema."""
    rules: list[str] = []
    rules.insert(0, f"start: {_expression(schema, rules)}")
    return "\n".join(["%llguidance {}", *rules]) + "\n"


def copies(schema: Mapping[str, Any]) -> bool:
    """Whether any string of the schema is copied."""
    return COPY_KEY in schema or any(copies(value) for value in schema.values() if isinstance(value, Mapping))


def _expression(schema: Mapping[str, Any], rules: list[str]) -> str:
    """An expression for a schema; what it refers to is added to the rules."""
    if not copies(schema):
        return "%json " + json.dumps({**schema, "x-guidance": COMPACT})
    if COPY_KEY in schema:
        return f'"\\"" {_copied(schema, rules)} "\\""'
    if "items" in schema:
        item = _named(_expression(schema["items"], rules), rules)
        most = int(schema.get("maxItems", MAX_ITEMS)) - 1
        return f'"[" ({item} (", " {item}){{0,{most}}})? "]"'
    fields = [
        f"{json.dumps(json.dumps(name) + ': ')} {_named(_expression(field, rules), rules)}"
        for name, field in schema["properties"].items()
    ]
    return '"{" ' + ' ", " '.join(fields) + ' "}"'


def _copied(schema: Mapping[str, Any], rules: list[str]) -> str:
    """A terminal for consecutive words of a text, at least one, as they stand inside a JSON string."""
    name = f"COPY{len(rules)}"
    inside = json.dumps(schema[COPY_KEY], ensure_ascii=False)[1:-1]
    longest = schema.get("maxLength", "")
    shape = f" & /{_in_slashes(schema[SHAPE_KEY])}/" if SHAPE_KEY in schema else ""
    rules.append(f'{name}: %regex {{"substring_words": {json.dumps(inside)}}} & /(.|\\n){{1,{longest}}}/{shape}')
    return name


def _in_slashes(regex: str) -> str:
    """The regular expression with its slashes escaped, those that are already left as they are."""
    return re.sub(r"\\.|/", lambda match: r"\/" if match[0] == "/" else match[0], regex)


def _named(expression: str, rules: list[str]) -> str:
    """Give an expression a rule of its own."""
    name = f"part{len(rules)}"
    rules.append(f"{name}: {expression}")
    return name
