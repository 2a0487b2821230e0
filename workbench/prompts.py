"""The prompt file: Markdown that a person reads, edits and diffs, and a search changes one rule at a time.

Front matter, then slots as headings, in this order: system, before, input, after, fields, tools, demos. A rule is
one line, `- [id] text`; `!` after the id locks it. Other lines are notes: kept, never rendered. `# input` holds
raw template lines. The one invariant: `parse_prompt(text).text == text`, whatever the blank lines, comments and
line endings; an edit changes only the lines it is about.

    prompt = load_prompt(Path("headlines.md"))
    draft = bump(add_rule(prompt, "system", "Skip stock indices."), parent=prompt.sha256)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import Field, ValidationError

from workbench.errors import DataError, UsageError
from workbench.settings import Settings, suggest

Slot = Literal["system", "before", "input", "after", "fields", "tools", "demos"]
SLOTS: tuple[Slot, ...] = get_args(Slot)
PROSE_SLOTS: tuple[Slot, ...] = ("system", "before", "after")
"""Slots whose rules are sentences to the model: a rule may move between them."""
PLACEHOLDER = re.compile(r"\{\{([^\W\d]\w*)\}\}|\{([^\W\d]\w*)\}")
"""`{{name}}` (group 1) is a literal `{name}`; `{name}` (group 2) is filled with an input. Other braces are literal."""

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"(?!\Z)([^\n]*?)(\r?\n|\Z)")
_HEADING = re.compile(r"#[ \t]+(\S.*?)\s*")
_ITEM = re.compile(r"\s*[-*+]\s")
_RULE = re.compile(r"- \[([A-Za-z0-9_.-]+)(!?)\] (.*\S)\s*")
_FRESH_PREFIX: dict[Slot, str] = {"system": "s", "before": "b", "after": "a", "demos": "d"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a slot. In `fields` and `tools` the id is a name; in `demos` the text is a JSON object."""

    slot: Slot
    id: str
    text: str
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """Every request shows the demos of the file."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Every request shows the `k` demos of a labelled pool that are nearest to its input."""

    method: Literal["bm25", "encoder"]
    k: int


DemoMode = Fixed | Nearest


@dataclass(frozen=True, slots=True)
class Line:
    """A line below the front matter: a heading, a rule, a template line or a note; `slot` is the one it stands in."""

    body: str
    end: str
    """Its line ending; empty where the file ends without one."""
    number: int = 0
    slot: Slot | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt file: `text` is all of it, exactly, and decides equality."""

    text: str
    head: str = field(compare=False, repr=False)
    """The front matter with its fences, exactly."""
    lines: tuple[Line, ...] = field(compare=False, repr=False)
    task: str = field(compare=False)
    version: int = field(compare=False)
    parent: str | None = field(compare=False)
    """`sha256` of the prompt that this one was made from."""
    inputs: tuple[str, ...] = field(compare=False)
    output: Mapping[str, dict[str, Any]] = field(compare=False)
    """JSON schema of each output field."""
    demo_mode: DemoMode = field(compare=False)

    @property
    def sha256(self) -> str:
        """Name of this exact text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def template(self) -> str:
        """The middle of the user turn; when the `input` slot is absent or blank, the inputs themselves."""
        text = "\n".join([line.body for line in self.lines if line.slot == "input"][1:]).strip("\n")
        if text.strip():
            return text
        if len(self.inputs) == 1:
            return f"{{{self.inputs[0]}}}"
        return "\n".join(f"{name}: {{{name}}}" for name in self.inputs)

    def rules(self, slot: Slot) -> tuple[Rule, ...]:
        """The rules of one slot, in order."""
        return tuple(line.rule for line in self.lines if line.rule and line.slot == slot)

    def rule(self, id: str) -> Rule:
        """The rule with this id."""
        rules = {line.rule.id: line.rule for line in self.lines if line.rule}
        if id not in rules:
            raise UsageError(f"the prompt has no rule {id!r}; {suggest(id, list(rules))}")
        return rules[id]


def load_prompt(path: Path) -> Prompt:
    """Read a prompt file. Raises `DataError` with file and line."""
    try:
        return parse_prompt(path.read_bytes().decode("utf-8"), path=path)
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"cannot read the prompt file: {exc}; give a file in UTF-8", path=path) from exc


def parse_prompt(text: str, *, path: Path | str | None = None) -> Prompt:
    """Read a prompt file's text. Raises `DataError` with file (when given) and line."""
    head = _HEAD.match(text)
    if head is None:
        raise DataError("a prompt file begins with front matter between two `---` lines; add it", path=path, line=1)
    front = _read_front_matter(head[1], path)
    lines = tuple(_read_lines(text[head.end() :], 1 + head[0].count("\n"), path))
    mode = Fixed() if front.demos == "fixed" else Nearest(front.demos.nearest, front.demos.k)
    prompt = Prompt(text, head[0], lines, front.task, front.version, front.parent, front.inputs, front.output, mode)
    _check_rules(prompt, path)
    _check_placeholders(prompt, path)
    return prompt


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


class _NearestSetting(Settings):
    nearest: Literal["bm25", "encoder"]
    k: int = Field(ge=1)


class _FrontMatter(Settings):
    task: str = Field(min_length=1)
    version: int = Field(ge=1)
    parent: str | None = None
    inputs: tuple[str, ...] = Field(min_length=1)
    output: dict[str, dict[str, Any]] = Field(min_length=1)
    demos: Literal["fixed"] | _NearestSetting = "fixed"


def _read_front_matter(text: str, path: Path | str | None) -> _FrontMatter:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = json.dumps(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as exc:
        line = 2 + exc.problem_mark.line if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark else 1
        problem = getattr(exc, "problem", None) or exc
        raise DataError(f"front matter is not plain YAML: {problem}; correct it", path=path, line=line) from exc
    keys = root.value if isinstance(root, yaml.MappingNode) else []
    lines = {key.value: 2 + key.start_mark.line for key, _ in keys}
    if len(lines) < len(keys):
        raise DataError("front matter names a key twice; keep one", path=path, line=1)
    try:
        return _FrontMatter.model_validate_json(data)
    except ValidationError as exc:
        error = min(exc.errors(), key=lambda error: error["type"] != "extra_forbidden")
        where = ".".join(str(part) for part in error["loc"]) or "all of it"
        message = f"{where}: {error['msg']}, got {error['input']!r}"
        if where.startswith("demos"):
            message = "demos must be `fixed` or `{nearest: bm25, k: 4}`"
        elif error["type"] == "extra_forbidden":
            message = f"unknown key {where!r}; {suggest(where, list(_FrontMatter.model_fields))}"
        line = lines.get(str(error["loc"][0]), 1) if error["loc"] else 1
        raise DataError(f"front matter: {message}", path=path, line=line) from exc


def _read_lines(body: str, first: int, path: Path | str | None) -> Iterator[Line]:
    """Sort the lines below the front matter, which begin at line `first`."""
    slot: Slot | None = None
    open_comment = 0
    for number, match in enumerate(_LINE.finditer(body), first):
        text, end = match.groups()
        rule = None
        if open_comment or (slot != "input" and text.lstrip().startswith("<!--")):
            open_comment = 0 if "-->" in text else open_comment or number
        elif heading := _HEADING.fullmatch(text):
            slot = _next_slot(heading[1], slot, partial(DataError, path=path, line=number))
        elif slot != "input" and _ITEM.match(text):
            item = _RULE.fullmatch(text)
            if item is None or slot is None:
                raise DataError(f"expected `- [id] text` inside a slot, got {text!r}", path=path, line=number)
            rule = Rule(slot, item[1], item[3].strip(), bool(item[2]))
        yield Line(text, end, number, slot, rule)
    if open_comment:
        raise DataError("comment `<!--` is not closed; add `-->`", path=path, line=open_comment)


def _next_slot(name: str, slot: Slot | None, fail: partial[DataError]) -> Slot:
    for index, known in enumerate(SLOTS):
        if name == known:
            if slot is not None and index <= SLOTS.index(slot):
                raise fail(f"slot {name!r} cannot follow {slot!r}; each comes once, in the order {', '.join(SLOTS)}")
            return known
    raise fail(f"unknown slot {name!r}; {suggest(name, SLOTS)}; other headings begin with `##`")


def _check_rules(prompt: Prompt, path: Path | str | None) -> None:
    """Ids are unique, described fields exist, demos are JSON objects with exactly the prompt's fields."""
    names = [*prompt.inputs, *prompt.output]
    for name in names:
        if not name.isidentifier() or names.count(name) > 1:
            raise DataError(f"field {name!r} must be an identifier, and be named once; rename it", path=path, line=1)
    seen: dict[str, int] = {}
    for number, rule in ((line.number, line.rule) for line in prompt.lines if line.rule):
        fail = partial(DataError, path=path, line=number)
        if seen.setdefault(rule.id, number) != number:
            raise fail(f"rule id {rule.id!r} is taken on line {seen[rule.id]}; give it another")
        if rule.slot == "fields" and rule.id not in prompt.output:
            raise fail(f"no output field {rule.id!r}; {suggest(rule.id, list(prompt.output))}")
        if rule.slot == "demos":
            _check_demo(rule, prompt, fail)


def _check_demo(rule: Rule, prompt: Prompt, fail: partial[DataError]) -> None:
    names = sorted([*prompt.inputs, *prompt.output])
    try:
        demo = json.loads(rule.text)
    except (ValueError, RecursionError) as exc:
        raise fail(f"demo {rule.id!r} is not JSON: {exc}") from exc
    if not isinstance(demo, dict) or sorted(demo) != names:
        raise fail(f"demo {rule.id!r} must be a JSON object with the keys {names}")
    if not all(isinstance(demo[name], str) for name in prompt.inputs):
        raise fail(f"demo {rule.id!r} has an input that is not a string; quote it")


def _check_placeholders(prompt: Prompt, path: Path | str | None) -> None:
    """Every placeholder is an input and every input has a placeholder."""
    used = {match[2] for match in PLACEHOLDER.finditer(prompt.template)}
    for line in prompt.lines:
        text = line.rule.text if line.rule and line.slot in PROSE_SLOTS else line.body if line.slot == "input" else ""
        for name in (match[2] for match in PLACEHOLDER.finditer(text) if match[2]):
            used.add(name)
            if name not in prompt.inputs:
                hint = f"; {suggest(name, prompt.inputs)}; write {{{{{name}}}}} for a literal"
                raise DataError(f"no input fills {{{name}}}{hint}", path=path, line=line.number)
    for name in prompt.inputs:
        if name not in used:
            raise DataError(f"no placeholder uses input {name!r}; write {{{name}}} where it belongs", path=path)


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
