"""Reflection: a capable model reads failures beside successes and proposes typed edits of the prompt's rules.

Evidence is cut into small batches, one request each, and what they found is merged by further requests: one prompt
stuffed with cases makes worse edits than several small ones. What the model answers is data: it is parsed by schema,
and an edit that breaks the prompt, touches a locked rule or learns the dev examples by heart is refused.

    reflector = open_reflector("openai/gpt-x", store, task)
    proposals = await reflector.propose(champion, board, n=4)
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from itertools import chain, zip_longest
from typing import Literal

from apo.board import Board, Candidate
from apo.evaluate import Outcome
from apo.examples import Example, normalized_text
from apo.moves import Kind, Move, apply_moves
from apo.propose import try_moves
from apo.search import Event, Observer
from apo.task import Task
from lm.base import Message, Reply, Request
from lm.budget import Budget
from lm.open import check_reachable, open_engine
from lm.road import Ledger, Road
from lm.store import ReplyStore
from workbench.errors import ModelError, OpenbookError
from workbench.nearest import Bm25, tokenize
from workbench.prompts import PLACEHOLDER, PROSE_SLOTS, Nearest, Prompt, Slot, parse_prompt
from workbench.rendering import file_demos, output_schema, parse_answer, render

FAILURES = 12
"""Most failures that one proposal round looks at."""
BATCH_ITEMS = 4
"""Most pairs, or findings, in one request."""
EVIDENCE_TOKENS = 2000
"""Most evidence in one request, by `count_tokens`; an item takes half of it at most, so merging always ends."""
CASE_TOKENS = 400
"""About the most of one case; what is longer loses its middle."""
TURNS_TOKENS = 1500
"""Most of the turns that all cases share: the system turn and the demos."""
FINDING_TOKENS = 900
ANSWER_TOKENS = 4096
"""Longest answer; a reasoning model thinks in it too."""
TEMPERATURE = 1.0
"""Proposals should differ from one another; reasoning models accept no other value."""
MAX_EDITS = 4
"""Edits of one answer that are looked at."""
MAX_RULE_CHARS = 240
MAX_REASON_CHARS = 200
COPIED_WORDS = 6
"""So many words in a row from a dev text are a copy."""
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What one request found: a diagnosis and the edits that were let through."""

    diagnosis: str
    edits: tuple[Edit, ...]

    @property
    def text(self) -> str:
        """The finding as evidence for the request that merges it."""
        edits = [json.dumps(asdict(edit), ensure_ascii=False) for edit in self.edits]
        return clip("\n".join(["[finding]", self.diagnosis, *edits]), FINDING_TOKENS)


class OverfitLint:
    """Tells a rule from a copy of the dev set: gold answers and long stretches of its texts may not enter a prompt.

    What the start prompt says already, its schema's labels included, is free to use.
    """

    def __init__(self, start: Prompt, dev: Sequence[Example]) -> None:
        """Gather what would be a copy."""
        known = _shingles(start.text, 1)
        self._gold = sorted({gold for example in dev for gold in example.gold if not _occurs(gold, start.text, known)})
        texts = [text for example in dev for text in example.inputs.values()]
        copies = {words for text in texts for words in _shingles(text, COPIED_WORDS)}
        self._copies = copies - _shingles(start.text, COPIED_WORDS)

    def problem(self, text: str) -> str | None:
        """What the text copies; None when it copies nothing."""
        words = _shingles(text, 1)
        for gold in self._gold:
            if _occurs(gold, text, words):
                return f"names the gold answer {gold!r}"
        copied = sorted(_shingles(text, COPIED_WORDS) & self._copies)
        return f"copies {' '.join(copied[0])!r} from a dev text" if copied else None


@dataclass(slots=True)
class _Notes:
    """What happened in one round of reflection."""

    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class ModelReflector:
    """A reflector on a model of its own.

    Its calls go over its own road and are counted there, in `ledger`, not against `budget.max_calls`, which is for the
    task's model. The task's caps on tokens and cost hold for it a second time, on its own, at its own model's price.
    """

    def __init__(self, road: Road, task: Task, *, rng: random.Random, observe: Observer = lambda event: None) -> None:
        """`rng` draws the evidence; each round is told to `observe` as one event `reflect`."""
        self.road = road
        self._task = task
        self._rng = rng
        self._observe = observe
        text = (files("prompts") / "apo" / "reflect.md").read_text(encoding="utf-8")
        self._prompt = parse_prompt(text, path="prompts/apo/reflect.md")
        self._lint = OverfitLint(task.prompt, task.dev)
        self._rounds = 0

    @property
    def ledger(self) -> Ledger:
        """Calls, tokens and cost of reflection so far."""
        return self.road.ledger

    async def propose(self, candidate: Candidate, board: Board, n: int) -> list[list[Move]]:
        """At most `n` proposals: all edits together first, then each alone, so that the race tells which one helps.

        A call that fails, or an answer that cannot be read, costs its edits and nothing else.

        Raises:
            BudgetError: a cap on the reflector's tokens or cost is reached.
        """
        pairs = pair_outcomes(list(board.outcomes[candidate.name].values()), self._rng)
        if not pairs or n < 1:
            return []
        self._rounds += 1
        notes = _Notes()
        edits = await self._study(candidate.prompt, pairs, notes)
        happened = {"failures": len(pairs), "edits": len(edits), "failed": notes.failed, "refused": notes.refused}
        self._observe(Event("reflect", {"candidate": candidate.name, **happened}))
        moves = [edit.move for edit in edits]
        together = _compatible(candidate.prompt, moves[:MAX_EDITS])
        return [*([together] if len(together) > 1 else []), *([move] for move in moves)][:n]

    async def aclose(self) -> None:
        """Free the model."""
        await self.road.aclose()

    async def _study(self, prompt: Prompt, pairs: Sequence[Sequence[Outcome]], notes: _Notes) -> list[Edit]:
        """Ask about small batches of cases, then about what was found in them, until one finding is left.

        When merging fails, the edits of the batches stand.
        """
        inputs = {
            "task": f"{self._task.file.name}, scored by {self._task.metric.name}",
            "rules": list_rules(prompt),
            "turns": clip(list_turns(prompt, pairs[0][0].example), TURNS_TOKENS),
        }
        items = ["\n".join(describe_case(prompt, outcome) for outcome in pair) for pair in pairs]
        edits: list[Edit] = []
        while items:
            findings = await self._ask(prompt, inputs, items, notes)
            edits = _distinct(findings) or edits
            items = [finding.text for finding in findings] if len(findings) > 1 else []
        return edits

    async def _ask(
        self, prompt: Prompt, inputs: Mapping[str, str], items: Sequence[str], notes: _Notes
    ) -> list[Finding]:
        """One request for each small batch of items; findings without an edit are dropped."""
        requests = [self._request({**inputs, "evidence": "\n\n".join(batch)}) for batch in pack(items)]
        findings = []
        for reply in await self.road.complete_all(requests):
            try:
                findings.append(self._read(prompt, reply, notes))
            except ModelError as error:
                notes.failed.append(error.cause)
        return [finding for finding in findings if finding.edits]

    def _request(self, inputs: Mapping[str, str]) -> Request:
        messages = tuple(Message(role, content) for role, content in render(self._prompt, inputs))
        schema = output_schema(self._prompt)
        return Request(messages, ANSWER_TOKENS, temperature=TEMPERATURE, seed=self._rounds, schema=schema)

    def _read(self, prompt: Prompt, reply: Reply | ModelError, notes: _Notes) -> Finding:
        """Read an answer and keep the edits that hold; raises `ModelError` when there is none to read."""
        if isinstance(reply, ModelError):
            raise reply
        values = parse_answer(self._prompt, reply.text)
        edits = [Edit(**record) for record in values["edits"]][:MAX_EDITS]
        problems = [edit_problem(prompt, edit, self._lint) for edit in edits]
        judged = list(zip(edits, problems, strict=True))
        notes.refused += [f"{edit.op}: {problem}" for edit, problem in judged if problem]
        return Finding(values["diagnosis"], tuple(edit for edit, problem in judged if not problem))


def open_reflector(
    model: str | None, store: ReplyStore, task: Task, *, observe: Observer = lambda event: None
) -> ModelReflector | None:
    """Open the reflector of a task; None without a model. Replies go to `store`, so a resumed run asks nothing twice.

    Raises:
        UsageError: the model's name is wrong.
        ModelError: nothing listens at its address.
        BudgetError: cost is capped, but the model's price is unknown.
    """
    if model is None:
        return None
    engine = open_engine(model)
    check_reachable(engine)
    price = engine.price() if hasattr(engine, "price") else None
    caps = task.file.budget
    budget = Budget(max_tokens=caps.max_tokens, max_cost_usd=caps.max_cost_usd, price=price)
    road = Road(engine, store=store, budget=budget)
    return ModelReflector(road, task, rng=random.Random(f"reflect {task.file.search.seed}"), observe=observe)


def pair_outcomes(outcomes: Sequence[Outcome], rng: random.Random) -> list[list[Outcome]]:
    """Failures, one label pattern after another, each followed by the nearest success; missing data is left out.

    As long as there are enough, no success is shown twice.
    """
    failures = [outcome for outcome in outcomes if outcome.tally is not None and not outcome.right]
    successes = [outcome for outcome in outcomes if outcome.right]
    index = Bm25([normalized_text(outcome.example) for outcome in successes])
    used: set[int] = set()
    pairs = []
    for failure in _stratify(failures, rng)[:FAILURES]:
        query = normalized_text(failure.example)
        near = index.top(query, 1, exclude=used) or index.top(query, 1)
        used.update(near)
        pairs.append([failure, *(successes[position] for position in near)])
    return pairs


def list_rules(prompt: Prompt) -> str:
    """The rules that may be edited, with slot and id, and the output fields with their JSON schemas."""
    rules = [rule for slot in EDITABLE for rule in prompt.rules(slot)]
    lines = [f"{rule.slot} [{rule.id}]{' (locked)' if rule.locked else ''} {rule.text}" for rule in rules]
    return "\n".join([*lines, f"output fields: {json.dumps(prompt.output, ensure_ascii=False)}"])


def list_turns(prompt: Prompt, example: Example) -> str:
    """The turns before a case's own: the system turn and the demos of the file."""
    retrieved = isinstance(prompt.demo_mode, Nearest)
    note = ["Then solved examples near the input, chosen for each case."] if retrieved else []
    inputs = {name: example.inputs[name] for name in prompt.inputs}
    turns = render(prompt, inputs, file_demos(prompt))[:-1]
    return "\n".join([*(f"{role}: {content}" for role, content in turns), *note])


def describe_case(prompt: Prompt, outcome: Outcome) -> str:
    """The trace of one case: its own turn, what the model wrote, how that was read, and what gold says."""
    gold, answers = outcome.example.gold, outcome.answers
    inputs = {name: outcome.example.inputs[name] for name in prompt.inputs}
    read = "nothing: it could not be read" if outcome.error == "parse" else _list(answers)
    lines = [
        f"[{'right' if outcome.right else 'wrong'}; kind: {clip(outcome.example.pattern, 10)}]",
        f"user: {clip(render(prompt, inputs, ())[-1][1], CASE_TOKENS // 2)}",
        f"assistant: {clip(outcome.text, CASE_TOKENS // 8)}",
        f"read as: {read}",
        f"gold: {_list(gold)}",
    ]
    if not outcome.right:
        lines.append(f"missed: {_list([answer for answer in gold if answer not in answers])}")
        lines.append(f"invented: {_list([answer for answer in answers if answer not in gold])}")
    return "\n".join(lines)


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


def pack(items: Sequence[str]) -> list[list[str]]:
    """Cut items into batches of at most `BATCH_ITEMS` and `EVIDENCE_TOKENS`, in order."""
    batches: list[list[str]] = []
    left = 0
    for item in items:
        size = count_tokens(item) + 1
        if not batches or size > left or len(batches[-1]) == BATCH_ITEMS:
            batches.append([])
            left = EVIDENCE_TOKENS
        batches[-1].append(item)
        left -= size
    return batches


def count_tokens(text: str) -> int:
    """Estimate of tokens without a tokenizer: three bytes of UTF-8 each; high for English, about right for Chinese."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


def clip(text: str, tokens: int) -> str:
    """Leave out the middle of a text that is longer than `tokens`; half a surrogate pair becomes a question mark."""
    data = text.encode("utf-8", "replace")
    if count_tokens(text) <= tokens:
        return data.decode()
    mark = " … "
    room = 3 * tokens - len(mark.encode())
    head, tail = data[: room - room // 3], data[len(data) - room // 3 :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")


def _stratify(outcomes: Sequence[Outcome], rng: random.Random) -> list[Outcome]:
    """Shuffle within each label pattern, then take one of each in turn."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.example.pattern].append(outcome)
    for group in groups.values():
        rng.shuffle(group)
    return [outcome for outcome in chain(*zip_longest(*groups.values())) if outcome is not None]


def _list(answers: Sequence[str]) -> str:
    return clip(json.dumps(list(answers), ensure_ascii=False), CASE_TOKENS // 12)


def _distinct(findings: Sequence[Finding]) -> list[Edit]:
    """Edits of all findings, the first of each before the second of any; what two findings both say comes once."""
    kept: dict[str, Edit] = {}
    for edit in chain(*zip_longest(*(finding.edits for finding in findings))):
        if edit is not None:
            kept.setdefault(f"{edit.op} {edit.move.args}", edit)
    return list(kept.values())


def _compatible(prompt: Prompt, moves: Sequence[Move]) -> list[Move]:
    """The moves that apply one after another."""
    kept: list[Move] = []
    for move in moves:
        kept += [move] if try_moves(prompt, [*kept, move]) is not None else []
    return kept


def _shingles(text: str, n: int) -> set[tuple[str, ...]]:
    """All stretches of `n` words, lowercase."""
    words = tokenize(text)
    return {tuple(words[start : start + n]) for start in range(len(words) - n + 1)}


def _occurs(gold: str, text: str, words: set[tuple[str, ...]]) -> bool:
    """Whether a text spells an answer as it is, in whole words; `words` are those of the text."""
    parts = tokenize(gold)
    return bool(parts) and gold in text and all((part,) in words for part in parts)
