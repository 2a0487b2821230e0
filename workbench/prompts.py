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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.resources import files
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


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a slot. In `fields` and `tools` the id is a name; in `demos` the text is a JSON object."""

    slot: Slot
    id: str
    text: str
    locked: bool = False


Method = Literal["bm25", "encoder"]
"""How near two texts are: by the words they share, or by their embeddings (lm/encoder.py)."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Every request shows the demos of the file."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Every request shows the demos of the file, then the `k` of a labelled pool that are nearest to its input."""

    method: Method
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


def packaged_prompt(name: str) -> Prompt:
    """A prompt that comes with the package, by its place there without the ending, as `reer/trace`."""
    text = (files("prompts") / f"{name}.md").read_text(encoding="utf-8")
    return parse_prompt(text, path=f"prompts/{name}.md")


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


@lru_cache(maxsize=64)
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
