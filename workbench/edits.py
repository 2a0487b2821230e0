"""Edits of a prompt file, as pure functions from prompt to prompt.

An edit changes only the lines it is about, leaves locked rules alone, and never leaves a file that does not load: the
edited text is parsed again. Ids are stable; a fresh id is one that the file never had.

    draft = bump(add_rule(prompt, "system", "Skip stock indices."), parent=prompt.sha256)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from workbench.errors import DataError, UsageError
from workbench.prompts import PROSE_SLOTS, SLOTS, DemoMode, Fixed, Line, Prompt, Rule, Slot, parse_prompt

_FRESH_PREFIX: dict[Slot, str] = {"system": "s", "before": "b", "after": "a", "demos": "d"}


def add_rule(prompt: Prompt, slot: Slot, text: str, *, id: str | None = None, at: int | None = None) -> Prompt:
    """Add a rule at position `at` of the slot (default: last), by default under an id that the file never had."""
    id = _fresh_id(prompt, slot) if id is None else id
    return _inserted(prompt, slot, at, _item(id, text))


def edit_rule(prompt: Prompt, id: str, text: str) -> Prompt:
    """Give a rule another text; its id and place stay."""
    _unlocked(prompt, id)
    return _with_lines(prompt, _replaced(prompt.lines, {id: _item(id, text)}))


def delete_rule(prompt: Prompt, id: str) -> Prompt:
    """Remove a rule. The highest number of a series leaves a comment, so that no later rule gets its id."""
    _unlocked(prompt, id)
    series = re.fullmatch(r"(.*?)(\d{1,9})", id)
    if series is None or int(series[2]) < _highest(prompt, series[1]):
        return _with_lines(prompt, _without(prompt.lines, id))
    older = re.compile(rf"<!-- \[{re.escape(series[1])}\d+\] retired -->")
    kept = [line for line in prompt.lines if line.rule or not older.fullmatch(line.body)]
    return _with_lines(prompt, _replaced(kept, {id: f"<!-- [{id}] retired -->"}))


def move_rule(prompt: Prompt, id: str, slot: Slot, at: int | None = None) -> Prompt:
    """Move a rule to position `at` (default: last) of another prose slot, or of its own slot; its id stays."""
    rule = _unlocked(prompt, id)
    if slot != rule.slot and not {slot, rule.slot} <= set(PROSE_SLOTS):
        raise UsageError(f"rule {id!r} of {rule.slot!r} cannot move to {slot!r}; rules move between {PROSE_SLOTS}")
    body = next(line.body for line in prompt.lines if line.rule == rule)
    return _inserted(replace(prompt, lines=_without(prompt.lines, id)), slot, at, body)


def reorder(prompt: Prompt, slot: Slot, ids: Sequence[str]) -> Prompt:
    """Put a slot's rules in the order of `ids`, which names each once; locked rules keep their place."""
    old = prompt.rules(slot)
    if sorted(ids) != sorted(rule.id for rule in old):
        raise UsageError(f"order {list(ids)} of {slot!r} must name each of {[rule.id for rule in old]} once")
    for rule, id in zip(old, ids, strict=True):
        if rule.locked and rule.id != id:
            raise UsageError(f"rule {rule.id!r} is locked at its place; keep it there or remove its '!'")
    bodies = {line.rule.id: line.body for line in prompt.lines if line.rule}
    new = {rule.id: bodies[id] for rule, id in zip(old, ids, strict=True)}
    return _with_lines(prompt, _replaced(prompt.lines, new))


def set_demo_mode(prompt: Prompt, mode: DemoMode) -> Prompt:
    """Say whether demos are fixed or retrieved; the demos of the file stay where they are."""
    value = "fixed" if isinstance(mode, Fixed) else f"{{nearest: {mode.method}, k: {mode.k}}}"
    return _with_lines(replace(prompt, head=_set_key(prompt.head, "demos", value)), prompt.lines)


def bump(prompt: Prompt, *, parent: str) -> Prompt:
    """Make it the next version; `parent` is the sha256 of the version it was made from."""
    head = _set_key(prompt.head, "version", str(prompt.version + 1))
    return _with_lines(replace(prompt, head=_set_key(head, "parent", json.dumps(parent))), prompt.lines)


def replace_output(prompt: Prompt, output: Mapping[str, Mapping[str, Any]]) -> Prompt:
    """Give the output fields other schemas; names and order stay."""
    if list(output) != list(prompt.output):
        raise UsageError(f"output fields are {list(prompt.output)}, got {list(output)}; change schemas, not names")
    value = json.dumps(output, ensure_ascii=False)
    return _with_lines(replace(prompt, head=_set_key(prompt.head, "output", value)), prompt.lines)


def _with_lines(prompt: Prompt, lines: Iterable[Line]) -> Prompt:
    """Parse the edited text again: an edit can never leave a file that does not load."""
    try:
        return parse_prompt(prompt.head + "".join(line.body + line.end for line in lines))
    except DataError as exc:
        raise UsageError(f"the edit would break the prompt: {exc}") from exc


def _replaced(lines: Iterable[Line], bodies: Mapping[str, str]) -> list[Line]:
    """Give the lines of these rules another body."""
    return [replace(line, body=bodies.get(line.rule.id, line.body)) if line.rule else line for line in lines]


def _without(lines: Iterable[Line], id: str) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.rule is None or line.rule.id != id)


def _item(id: str, text: str) -> str:
    item = f"- [{id}] {text.strip(' ')}"
    if re.search(r"[\r\n\ud800-\udfff]", item):
        raise UsageError(f"a rule is one line of valid text, got {text!r}; split it into rules")
    return item


def _unlocked(prompt: Prompt, id: str) -> Rule:
    if prompt.rule(id).locked:
        raise UsageError(f"rule {id!r} is locked; remove the '!' after its id to change it")
    return prompt.rule(id)


def _fresh_id(prompt: Prompt, slot: Slot) -> str:
    if slot not in _FRESH_PREFIX:
        raise UsageError(f"a rule of {slot!r} is named after what it describes; pass its id")
    return f"{_FRESH_PREFIX[slot]}{_highest(prompt, _FRESH_PREFIX[slot]) + 1}"


def _highest(prompt: Prompt, prefix: str) -> int:
    """The highest number in use or retired in a series of ids; 0 when there is none."""
    number = re.compile(rf"\[{re.escape(prefix)}(\d{{1,9}})!?\]")
    return max((int(found) for line in prompt.lines for found in number.findall(line.body)), default=0)


def _inserted(prompt: Prompt, slot: Slot, at: int | None, item: str) -> Prompt:
    """Insert a rule's line at position `at` of its slot, opening the slot when the file has none."""
    lines = list(prompt.lines)
    places = [index for index, line in enumerate(lines) if line.rule and line.slot == slot]
    at = len(places) if at is None else at
    if slot not in SLOTS or slot == "input" or not 0 <= at <= len(places):
        raise UsageError(f"no position {at} in slot {slot!r}; it has {len(places)} rules")
    if places:
        index, new = [*places, places[-1] + 1][at], [item]
    else:
        index, new = _open_slot(lines, slot, item)
    newline = "\r\n" if "\r\n" in prompt.head else "\n"
    if index == len(lines) and index and not lines[-1].end:
        lines[-1] = replace(lines[-1], end=newline)
    lines[index:index] = [Line(body, newline) for body in new]
    return _with_lines(prompt, lines)


def _open_slot(lines: Sequence[Line], slot: Slot, item: str) -> tuple[int, list[str]]:
    """Where the first rule of a slot goes, and the lines to put there: a blank line on either side of it."""
    inside = [index for index, line in enumerate(lines) if line.slot == slot]
    if not inside:
        later = (i for i, line in enumerate(lines) if line.slot and SLOTS.index(line.slot) > SLOTS.index(slot))
        index = next(later, len(lines))
        return index, [f"# {slot}", "", item, ""] if index < len(lines) else ["", f"# {slot}", "", item]
    start = inside[0] + 1
    blanks = len(list(takewhile(lambda line: not line.body.strip(), lines[start:])))
    below = [""] if blanks < 2 and start + blanks < len(lines) else []
    return start + min(blanks, 1), [item, *below] if blanks else ["", item, *below]


def _set_key(head: str, key: str, value: str) -> str:
    """Rewrite one key of the front matter, its indented block included; a comment after it stays."""
    entry = re.compile(rf"^{key}[ \t]*:[^\n]*?([ \t]+#[^\n]*?)?(?=\r?$)(\r?\n[ \t]+\S[^\n]*?(?=\r?$))*", re.MULTILINE)
    if entry.search(head):
        return entry.sub(lambda match: f"{key}: {value}{match[1] or ''}", head, count=1)
    fence = head.rindex("---")
    newline = "\r\n" if "\r\n" in head else "\n"
    return f"{head[:fence]}{key}: {value}{newline}{head[fence:]}"
