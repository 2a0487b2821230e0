"""The moves of the search: every change of a prompt is one of these, typed, with its reason, and can be replayed.

move = Move("add_rule", {"slot": "before", "text": "Leave out indices."}, reason="bank x3")
child = apply_moves(parent, [move])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from workbench.copying import copy_answers
from workbench.edits import add_rule, delete_rule, edit_rule, move_rule, set_demo_mode
from workbench.errors import UsageError
from workbench.prompts import Fixed, Method, Nearest, Prompt

Kind = Literal[
    "add_rule",
    "edit_rule",
    "delete_rule",
    "move_rule",
    "describe_field",
    "set_demos",
    "retrieve_demos",
    "copy_answers",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Move:
    """One change: what, with which arguments, and why."""

    kind: Kind
    args: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The move as events keep it."""
        return {"kind": self.kind, "args": dict(self.args), "reason": self.reason}


def apply_moves(prompt: Prompt, moves: Sequence[Move]) -> Prompt:
    """Apply moves in order.

    Raises:
        UsageError: a move touches a locked rule or one that is not there.
    """
    for move in moves:
        if move.kind not in APPLY:
            raise UsageError(f"unknown move {move.kind!r}; known are {', '.join(KINDS)}")
        prompt = APPLY[move.kind](prompt, **move.args)
    return prompt


def _describe_field(prompt: Prompt, *, name: str, text: str) -> Prompt:
    """Word the description of an output field, or word it anew."""
    if any(rule.id == name for rule in prompt.rules("fields")):
        return edit_rule(prompt, name, text)
    return add_rule(prompt, "fields", text, id=name)


def _set_demos(prompt: Prompt, *, demos: Sequence[str]) -> Prompt:
    """Hold exactly these demos (lines of JSON) in this order; locked demos stay first, kept ones keep their ids."""
    locked = [rule for rule in prompt.rules("demos") if rule.locked]
    wanted = [text for text in dict.fromkeys(demos) if text not in {rule.text for rule in locked}]
    for rule in prompt.rules("demos"):
        if not rule.locked and rule.text not in wanted:
            prompt = delete_rule(prompt, rule.id)
    for place, text in enumerate(wanted, len(locked)):
        held = {rule.text: rule.id for rule in prompt.rules("demos") if not rule.locked}
        if text in held:
            prompt = move_rule(prompt, held[text], "demos", place)
        else:
            prompt = add_rule(prompt, "demos", text, at=place)
    return prompt


def _retrieve_demos(prompt: Prompt, *, method: Method, k: int) -> Prompt:
    """Show the k nearest of the labelled pool after the demos of the file; none of them when k is 0."""
    return set_demo_mode(prompt, Nearest(method, k) if k else Fixed())


APPLY: dict[Kind, Callable[..., Prompt]] = {
    "add_rule": add_rule,
    "edit_rule": edit_rule,
    "delete_rule": delete_rule,
    "move_rule": move_rule,
    "describe_field": _describe_field,
    "set_demos": _set_demos,
    "retrieve_demos": _retrieve_demos,
    "copy_answers": copy_answers,
}
"""What each kind of move does to a prompt."""
