"""An edit as the reflecting model words it: the move it becomes, and why it may be refused.

What the model answers is data. An edit that breaks the prompt, touches a locked rule or copies the dev set is refused
with a sentence that says why, and costs the other edits nothing.

    edit = Edit("add", "system", "", "Leave out indices.", "index taken for a company")
    if edit_problem(prompt, edit, lint) is None:
        child = apply_moves(prompt, [edit.move])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apo.moves import Kind, Move, apply_moves
from apo.overfit import OverfitLint
from workbench.errors import OpenbookError
from workbench.prompts import PLACEHOLDER, PROSE_SLOTS, Prompt, Slot

MAX_RULE_CHARS = 240
MAX_REASON_CHARS = 200
EDITABLE: tuple[Slot, ...] = (*PROSE_SLOTS, "fields")

Op = Literal["add", "edit", "delete", "move", "describe"]
MOVES: dict[Op, tuple[Kind, dict[str, str]]] = {
    "add": ("add_rule", {"slot": "slot", "text": "text"}),
    "edit": ("edit_rule", {"id": "id", "text": "text"}),
    "delete": ("delete_rule", {"id": "id"}),
    "move": ("move_rule", {"id": "id", "slot": "slot"}),
    "describe": ("describe_field", {"name": "id", "text": "text"}),
}
"""The move that an edit becomes, and which part of the edit each argument takes."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit as the model words it."""

    op: Op
    slot: Slot
    id: str
    text: str
    reason: str

    @property
    def move(self) -> Move:
        """The edit as a move of the search."""
        kind, args = MOVES[self.op]
        values = {name: getattr(self, part).strip() for name, part in args.items()}
        return Move(kind, values, " ".join(self.reason.split())[:MAX_REASON_CHARS])


def edit_problem(prompt: Prompt, edit: Edit, lint: OverfitLint) -> str | None:
    """Why an edit is refused; None when it may be tried."""
    rules = {rule.id: rule for slot in EDITABLE for rule in prompt.rules(slot)}
    if edit.op in ("edit", "delete", "move") and edit.id not in rules:
        return f"no rule {edit.id[:40]!r} to change"
    if "text" in MOVES[edit.op][1]:
        old = "" if edit.op == "add" or edit.id not in rules else rules[edit.id].text
        if problem := _wording_problem(edit.text.strip(), old) or lint.problem(edit.text):
            return problem
    try:
        moved = apply_moves(prompt, [edit.move])
    except OpenbookError as error:
        return str(error)
    return "it changes nothing" if moved.text == prompt.text else None


def _wording_problem(text: str, old: str) -> str | None:
    if not text or len(text.splitlines()) > 1:
        return "the text is not one line"
    if len(text) > MAX_RULE_CHARS:
        return f"the text has {len(text)} characters, {MAX_RULE_CHARS} are allowed"
    new = {match[2] for match in PLACEHOLDER.finditer(text)} - {match[2] for match in PLACEHOLDER.finditer(old)}
    return "the text brings in a placeholder" if new - {None} else None
