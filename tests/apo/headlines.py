"""A small task of headlines, what a model made of it, and edits that a model may suggest."""

import json

from apo.evaluate import Outcome
from apo.task import load_task

PROMPT = """---
task: headlines
version: 1
inputs: [text]
output:
  companies: {type: array, items: {type: string}}
---

# system

- [s1] List the companies named in a headline, such as Acme.
- [s2!] Answer in JSON.

# before

- [b1] Read {text} with care.

# fields

- [companies] Names as written.

# demos

- [d1] {"text": "Ford hires", "companies": ["Ford"]}
"""
TASK = 'name = "headlines"\nprompt = "prompt.md"\ndev = ["dev.jsonl"]\n'
COMPANIES = ["Siemens", "Acme", "Bosch", "Daimler"]


def load_headlines(folder):
    records = []
    for i in range(40):
        name = COMPANIES[i % len(COMPANIES)]
        text = f"{name} lifts its outlook again for quarter {i}" if i % 5 else f"Stocks drift lower on quiet day {i}"
        spans = [{"start": 0, "end": len(name), "label": "company"}] if i % 5 else []
        records.append({"id": f"e{i}", "text": text, "spans": spans})
    (folder / "prompt.md").write_text(PROMPT)
    (folder / "task.toml").write_text(TASK)
    (folder / "dev.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return load_task(folder / "task.toml")


def outcome(task, position, answers=None, *, error=None):
    example = task.dev[position]
    answers = example.gold if answers is None else answers
    tally = None if error == "server" else task.metric.tally(example.document, answers)
    return Outcome(example, tuple(answers), tally, error, json.dumps(list(answers)))


def edit(op="add", slot="system", id="", text="", reason="misses"):
    return {"op": op, "slot": slot, "id": id, "text": text, "reason": reason}


INDICES = edit(text="Leave out indices.", reason="index taken\nfor a company")
SHORTER = edit("edit", id="s1", text="List companies, not products.")
