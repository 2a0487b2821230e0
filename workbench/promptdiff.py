"""What changed between two prompts, rule by rule; blank lines, notes and line endings do not count.

print(format_diff(diff_prompts(load_prompt(a), load_prompt(b))))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.prompts import SLOTS, Fixed, Prompt, Rule, Slot

Kind = Literal["setting", "removed", "edited", "moved", "added", "reordered"]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One difference. A rule that was both moved and edited is two."""

    kind: Kind
    where: Slot | Literal["front matter"]
    """Slot in the second prompt; in the first for a removed rule."""
    id: str
    """Id of the rule, name of the setting, `template` for the input template, empty for a slot's order."""
    before: str | None = None
    """Text or value in the first prompt; its slot for a moved rule, its ids for a slot's order."""
    after: str | None = None
    """The same in the second prompt."""


def diff_prompts(a: Prompt, b: Prompt) -> tuple[RuleChange, ...]:
    """All differences: front matter first, then slot by slot in the order of the file."""
    changes = list(_diff_front_matter(a, b))
    for slot in SLOTS:
        if slot == "input" and a.template != b.template:
            changes.append(RuleChange("edited", "input", "template", a.template, b.template))
        changes.extend(_diff_slot(a, b, slot))
    return tuple(changes)


def format_diff(changes: Sequence[RuleChange]) -> str:
    """The differences as plain text: `+` added, `-` removed, `~` changed."""
    if not changes:
        return "no change"
    lines: list[str] = []
    where = None
    for change in changes:
        if change.where != where:
            where = change.where
            lines.append(where)
        lines.extend(f"  {line}" for line in _format_change(change))
    return "\n".join(lines)


def _diff_front_matter(a: Prompt, b: Prompt) -> Iterator[RuleChange]:
    after = _settings(b)
    for name, value in _settings(a).items():
        if value != after[name]:
            yield RuleChange("setting", "front matter", name, value, after[name])


def _settings(prompt: Prompt) -> dict[str, str]:
    mode = prompt.demo_mode
    return {
        "task": prompt.task,
        "version": str(prompt.version),
        "parent": prompt.parent or "null",
        "inputs": ", ".join(prompt.inputs),
        "output": json.dumps(prompt.output, ensure_ascii=False),
        "demos": "fixed" if isinstance(mode, Fixed) else f"nearest {mode.k} by {mode.method}",
    }


def _diff_slot(a: Prompt, b: Prompt, slot: Slot) -> Iterator[RuleChange]:
    old, new = _all_rules(a), _all_rules(b)
    for rule in a.rules(slot):
        if rule.id not in new:
            yield RuleChange("removed", slot, rule.id, before=_text(rule))
    for rule in b.rules(slot):
        was = old.get(rule.id)
        if was is None:
            yield RuleChange("added", slot, rule.id, after=_text(rule))
            continue
        if was.slot != slot:
            yield RuleChange("moved", slot, rule.id, was.slot, slot)
        if _text(was) != _text(rule):
            yield RuleChange("edited", slot, rule.id, _text(was), _text(rule))
    before = [rule.id for rule in a.rules(slot) if rule.id in new and new[rule.id].slot == slot]
    after = [rule.id for rule in b.rules(slot) if rule.id in before]
    if before != after:
        yield RuleChange("reordered", slot, "", " ".join(before), " ".join(after))


def _all_rules(prompt: Prompt) -> dict[str, Rule]:
    return {rule.id: rule for slot in SLOTS for rule in prompt.rules(slot)}


def _text(rule: Rule) -> str:
    return f"{rule.text} (locked)" if rule.locked else rule.text


def _format_change(change: RuleChange) -> list[str]:
    match change.kind:
        case "added":
            return [f"+ [{change.id}] {change.after}"]
        case "removed":
            return [f"- [{change.id}] {change.before}"]
        case "moved":
            return [f"~ [{change.id}] moved here from {change.before}"]
        case "reordered":
            return [f"~ order: {change.before} -> {change.after}"]
        case "setting":
            return [f"~ {change.id}: {change.before} -> {change.after}"]
        case "edited":
            old = [f"    - {line}" for line in (change.before or "").split("\n")]
            new = [f"    + {line}" for line in (change.after or "").split("\n")]
            return [f"~ [{change.id}]", *old, *new]
