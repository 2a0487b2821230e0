"""Proposals that need no strong model: demos by label pattern and difficulty, rules from a bank, slots, crossover.

Every proposal is a list of moves on a parent. All chance comes from the `rng` that is passed in, so a search repeats.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apo.board import Board, Candidate
from apo.examples import Example
from apo.moves import Move, apply_moves
from apo.task import gold_demo
from workbench.copying import copied_from, copied_shape
from workbench.errors import OpenbookError
from workbench.prompts import PROSE_SLOTS, Fixed, Method, Prompt, Rule
from workbench.rendering import demo_text
from workbench.shape import shape_of

EMPTY_SHARES = (0.0, 0.15, 0.25, 0.35)
"""Shares of demos without an answer; an even mix teaches a small model to answer nothing."""
COPY_SHARE = 0.9
"""Share of fresh proposals that hold answers to the words of the input, where that can be right."""
SHAPE_SHARE = 0.75
"""Share of those that also hold them to the shape that the dev answers have in common, where they have one."""
RETRIEVAL_SHARE = 0.45
"""Share of fresh demo proposals that retrieve them per input."""
ONLY_NEAREST_SHARE = 0.5
"""Share of those that show no other demos."""
NEIGHBOURS = (2, 3, 4)
"""Demos retrieved per input that are tried."""
MAX_BANK_RULES = 2
"""Rules of the bank that one exploring proposal tries at a time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What proposals may do."""

    demos: int = 8
    """Most demos of a request, those of the file and those retrieved."""
    retrieval: tuple[Method, ...] = ("bm25",)
    """Ways to retrieve demos that may be tried; none keeps all demos in the file."""
    copying: bool = True
    """Whether answers may be held to the words of the input; pointless on an engine that would not do it."""


class Proposer:
    """Draws proposals; the rule bank and the labelled pool are what it draws from."""

    def __init__(self, pool: Sequence[Example], bank: Prompt | None, limits: Limits, rng: random.Random) -> None:
        """Sort the pool by whether an example has an answer."""
        self._pool = tuple(pool)
        self._bank = bank
        self._limits = limits
        self._rng = rng
        self._shape = shape_of([answer for example in pool for answer in example.gold])

    def explore(self, start: Prompt, board: Board) -> list[Move]:
        """A fresh point far from others: new demos, perhaps rules from the bank, perhaps other slots."""
        moves = self._place_prose(start)
        moves += self._bank_rules(start, self._rng.randint(0, MAX_BANK_RULES))
        moves += self._copying(start)
        moves += self._demos(start, board)
        return moves

    def refine(self, parent: Candidate, board: Board, mates: Sequence[Candidate]) -> list[Move]:
        """One step of one kind, drawn by chance, from a good parent; empty when the drawn step does not apply."""
        steps: list[Callable[[Prompt, Board], list[Move]]] = [
            self._swap_demo,
            self._swap_demo,
            self._add_demo,
            self._drop_demo,
            self._reorder_demos,
            self._demos,
            lambda prompt, _board: self._bank_rules(prompt, 1),
            self._drop_rule,
            self._move_rule,
            lambda prompt, _board: self._copying(prompt),
            self._toggle_shape,
            self._other_retrieval,
        ]
        if mates:
            steps += [lambda prompt, _board: self._cross(prompt, self._rng.choice(mates))] * 3
        return self._rng.choice(steps)(parent.prompt, board)

    def _copying(self, prompt: Prompt) -> list[Move]:
        """Hold string answers to the words of the input, where every gold answer of the pool stands in its text."""
        field, source = next(iter(prompt.output)), prompt.inputs[0]
        verbatim = all(answer in example.inputs[source] for example in self._pool for answer in example.gold)
        if not self._limits.copying or not verbatim or copied_from(prompt, field) or self._rng.random() >= COPY_SHARE:
            return []
        shape = self._shape if self._rng.random() < SHAPE_SHARE else None
        return [_copy(field, source, shape)]

    def _toggle_shape(self, prompt: Prompt, _board: Board) -> list[Move]:
        """Hold copied answers to the shape of the dev answers, or let go of it."""
        field = next(iter(prompt.output))
        source = copied_from(prompt, field)
        if not self._limits.copying or source is None or self._shape is None:
            return []
        return [_copy(field, source, None if copied_shape(prompt, field) else self._shape)]

    def _demos(self, prompt: Prompt, board: Board) -> list[Move]:
        """Demos drawn anew: number and share of empty ones by chance, hard examples more likely."""
        if self._limits.demos < 1 or len(self._pool) < 2:
            return []
        wanted = self._rng.random() < RETRIEVAL_SHARE
        retrieval = (self._retrieval(prompt) if wanted else []) or self._no_retrieval(prompt)
        k = sum(int(move.args["k"]) for move in retrieval)
        room = self._room(prompt, k)
        if k and self._rng.random() < ONLY_NEAREST_SHARE:
            room = 0
        size = self._rng.randint(min(3, room), room)
        return [*self._fixed_demos(prompt, board, size), *retrieval]

    def _room(self, prompt: Prompt, k: int) -> int:
        """How many free demos the file may hold beside its locked ones and `k` retrieved ones."""
        locked = sum(rule.locked for rule in prompt.rules("demos"))
        return max(0, self._limits.demos - locked - k)

    def _retrieval(self, prompt: Prompt) -> list[Move]:
        """Demos near each input, found in one of the ways that are allowed."""
        most = self._room(prompt, 0)
        if not self._limits.retrieval or most < 1:
            return []
        k = self._rng.choice([k for k in NEIGHBOURS if k <= most] or [1])
        method = self._rng.choice(self._limits.retrieval)
        return [Move("retrieve_demos", {"method": method, "k": k}, "demos near each input")]

    def _no_retrieval(self, prompt: Prompt) -> list[Move]:
        """All demos in the file again."""
        if isinstance(prompt.demo_mode, Fixed):
            return []
        args = {"method": prompt.demo_mode.method, "k": 0}
        return [Move("retrieve_demos", args, "the same demos for each input")]

    def _other_retrieval(self, prompt: Prompt, _board: Board) -> list[Move]:
        """Other neighbours or none; demos of the file that leave no room for them go."""
        moves = self._no_retrieval(prompt) if self._rng.random() < 0.3 else self._retrieval(prompt)
        room = self._room(prompt, sum(int(move.args["k"]) for move in moves))
        texts = _texts(prompt)
        if moves and len(texts) > room:
            return [self._set_demos(prompt, texts[:room], "room for the nearest"), *moves]
        return moves

    def _fixed_demos(self, prompt: Prompt, board: Board, size: int) -> list[Move]:
        """Demos of the file drawn anew."""
        share = self._rng.choice(EMPTY_SHARES)
        n_empty = round(size * share)
        empty = [example for example in self._pool if not example.gold]
        filled = [example for example in self._pool if example.gold]
        chosen = self._draw(filled, size - n_empty, board) + self._draw(empty, n_empty, board)
        self._rng.shuffle(chosen)
        reason = f"{len(chosen)} demos by label pattern, {n_empty} without an answer" if size else "only the nearest"
        return [self._set_demos(prompt, [demo_text(gold_demo(prompt, example)) for example in chosen], reason)]

    def _draw(self, examples: Sequence[Example], n: int, board: Board) -> list[Example]:
        """Draw without repeats, one pattern after another, harder examples more likely."""
        by_pattern: dict[str, list[Example]] = defaultdict(list)
        for example in examples:
            by_pattern[example.pattern].append(example)
        drawn: list[Example] = []
        while len(drawn) < min(n, len(examples)):
            left = [group for group in by_pattern.values() if group]
            group = self._rng.choices(left, [len(group) ** 0.5 for group in left])[0]
            weights = [board.difficulty(example.id) for example in group]
            drawn.append(group.pop(self._rng.choices(range(len(group)), weights)[0]))
        return drawn

    def _swap_demo(self, prompt: Prompt, board: Board) -> list[Move]:
        """Put another example of the pool in a demo's place."""
        texts = _texts(prompt)
        fresh = self._fresh_demo(prompt, board)
        if not texts or fresh is None:
            return []
        texts[self._rng.randrange(len(texts))] = fresh
        return [self._set_demos(prompt, texts, "swap one demo")]

    def _add_demo(self, prompt: Prompt, board: Board) -> list[Move]:
        texts = _texts(prompt)
        fresh = self._fresh_demo(prompt, board)
        if fresh is None or len(texts) >= self._room(prompt, _retrieved(prompt)):
            return []
        texts.insert(self._rng.randint(0, len(texts)), fresh)
        return [self._set_demos(prompt, texts, "add one demo")]

    def _drop_demo(self, prompt: Prompt, _board: Board) -> list[Move]:
        texts = _texts(prompt)
        if len(texts) < 2:
            return []
        texts.pop(self._rng.randrange(len(texts)))
        return [self._set_demos(prompt, texts, "drop one demo")]

    def _reorder_demos(self, prompt: Prompt, _board: Board) -> list[Move]:
        texts = _texts(prompt)
        if len(texts) < 2:
            return []
        self._rng.shuffle(texts)
        return [self._set_demos(prompt, texts, "another order of the demos")]

    def _cross(self, prompt: Prompt, mate: Candidate) -> list[Move]:
        """A random draw from both parents' free demos, as many as the longer list has; empty where one has none."""
        own, others = _texts(prompt), _texts(mate.prompt)
        if not own or not others:
            return []
        size = min(self._room(prompt, _retrieved(prompt)), max(len(own), len(others)))
        pool = list(dict.fromkeys(own + others))
        chosen = self._rng.sample(pool, min(size, len(pool)))
        return [self._set_demos(prompt, chosen, f"demos crossed with {mate.name}")]

    def _fresh_demo(self, prompt: Prompt, board: Board) -> str | None:
        shown = set(_texts(prompt))
        texts = {demo_text(gold_demo(prompt, example)): example for example in self._pool}
        left = [example for text, example in texts.items() if text not in shown]
        drawn = self._draw(left, 1, board)
        return demo_text(gold_demo(prompt, drawn[0])) if drawn else None

    def _set_demos(self, _prompt: Prompt, texts: Sequence[str], reason: str) -> Move:
        return Move("set_demos", {"demos": list(texts)}, reason)

    def _bank_rules(self, prompt: Prompt, n: int) -> list[Move]:
        """Rules of the bank that the prompt does not have, in the slot the bank has them in."""
        if self._bank is None:
            return []
        held = {rule.text for slot in (*PROSE_SLOTS, "fields") for rule in prompt.rules(slot)}
        rules = [rule for slot in (*PROSE_SLOTS, "fields") for rule in self._bank.rules(slot) if rule.text not in held]
        chosen = self._rng.sample(rules, min(n, len(rules)))
        return [self._from_bank(rule) for rule in chosen]

    def _from_bank(self, rule: Rule) -> Move:
        if rule.slot == "fields":
            return Move("describe_field", {"name": rule.id, "text": rule.text}, "wording from the rule bank")
        return Move("add_rule", {"slot": rule.slot, "text": rule.text}, f"rule {rule.id} of the bank")

    def _place_prose(self, prompt: Prompt) -> list[Move]:
        """All free rules into one slot: whether a rule is heard from system or user turn differs by model."""
        slot = self._rng.choice(PROSE_SLOTS)
        rules = [rule for rule in _free_rules(prompt) if rule.slot != slot]
        return [Move("move_rule", {"id": rule.id, "slot": slot}, f"rules in {slot}") for rule in rules]

    def _move_rule(self, prompt: Prompt, _board: Board) -> list[Move]:
        rules = _free_rules(prompt)
        if not rules:
            return []
        rule = self._rng.choice(rules)
        slot = self._rng.choice([slot for slot in PROSE_SLOTS if slot != rule.slot])
        return [Move("move_rule", {"id": rule.id, "slot": slot}, f"rule {rule.id} from {rule.slot} to {slot}")]

    def _drop_rule(self, prompt: Prompt, _board: Board) -> list[Move]:
        rules = _free_rules(prompt)
        if len(rules) < 2:
            return []
        rule = self._rng.choice(rules)
        return [Move("delete_rule", {"id": rule.id}, "does the prompt need it?")]


def try_moves(prompt: Prompt, moves: Sequence[Move]) -> Prompt | None:
    """The moved prompt; None when the moves do not apply or change nothing."""
    try:
        moved = apply_moves(prompt, moves)
    except OpenbookError:
        return None
    return None if moved.text == prompt.text else moved


def _copy(field: str, source: str, shape: str | None) -> Move:
    args = {"field": field, "source": source, **({"shape": shape} if shape else {})}
    return Move("copy_answers", args, f"every dev answer stands in its text{', most in one shape' if shape else ''}")


def _texts(prompt: Prompt) -> list[str]:
    """Free demos of the file as lines."""
    return [rule.text for rule in prompt.rules("demos") if not rule.locked]


def _retrieved(prompt: Prompt) -> int:
    """How many demos each input retrieves."""
    return 0 if isinstance(prompt.demo_mode, Fixed) else prompt.demo_mode.k


def _free_rules(prompt: Prompt) -> list[Rule]:
    return [rule for slot in PROSE_SLOTS for rule in prompt.rules(slot) if not rule.locked]
