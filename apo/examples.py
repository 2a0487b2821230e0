"""Labelled examples: a document, the inputs a prompt takes from it, and its gold answers.

A line of a data file is `{"id", "text", "spans": [{"start", "end", "label", "text"?, "normalized"?}], ...}` for tasks
whose answers are strings in a text, or `{"id", ..., "answers": ["positive"]}` for any other; further keys are kept as
`meta`. Every problem names its file and line, and is found before a model is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.documents import Document, Span
from workbench.errors import DataError
from workbench.folding import fold
from workbench.jsonl import read_jsonl
from workbench.metrics import gold_answers


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled example."""

    document: Document
    inputs: Mapping[str, str]
    """What the prompt's placeholders are filled with."""

    @property
    def id(self) -> str:
        """Name of the example; unique in a task."""
        return self.document.id

    @property
    def gold(self) -> tuple[str, ...]:
        """The answers a perfect model gives."""
        return gold_answers(self.document)

    @property
    def pattern(self) -> str:
        """Its kind, for stratified demos and for scores by kind: the first trap, or else how many answers it has."""
        traps = self.document.meta.get("traps") or ()
        return str(traps[0]) if traps else ("none", "one")[len(self.gold)] if len(self.gold) < 2 else "several"


def load_examples(path: Path, inputs: Sequence[str], labels: Sequence[str] | None = None) -> tuple[Example, ...]:
    """Read a data file.

    Args:
        path: JSONL.
        inputs: names of the prompt's inputs; each must be a string in every line.
        labels: keep only spans with these labels; None keeps all.

    Raises:
        DataError: with file and line.
    """
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for line, record in read_jsonl(path):
        example = _read(record, inputs, labels, path, line)
        if example.id in seen:
            message = f"id {example.id!r} is taken on line {seen[example.id]}; give each example its own"
            raise DataError(message, path=path, line=line)
        seen[example.id] = line
        examples.append(example)
    if not examples:
        raise DataError("holds no example; an empty batch decides nothing, fill it or leave it out", path=path)
    return tuple(examples)


def to_record(example: Example) -> dict[str, Any]:
    """The example as a line of a data file; only spans of the task's labels are left in it."""
    document = example.document
    record: dict[str, Any] = {"id": document.id, **example.inputs, "text": document.text, **document.meta}
    if "answers" not in document.meta:
        fields = ("start", "end", "label", "text", "normalized")
        record["spans"] = [
            {name: value for name in fields if (value := getattr(span, name)) is not None} for span in document.spans
        ]
    return record


def normalized_text(example: Example) -> str:
    """The inputs folded so that copies with other case, spacing or quotes are the same text."""
    joined = " ".join(example.inputs.values())
    return fold(joined).strip() or joined


def refuse_overlap(dev: Sequence[Example], sealed: Sequence[Example], path: Path) -> None:
    """Refuse a sealed file that repeats a dev text: its verdict would be worth nothing."""
    known = {normalized_text(example): example.id for example in dev}
    for example in sealed:
        twin = known.get(normalized_text(example))
        if twin is not None:
            message = f"sealed example {example.id!r} has the same text as dev example {twin!r}; remove one of them"
            raise DataError(message, path=path)


def _read(
    record: Mapping[str, Any], inputs: Sequence[str], labels: Sequence[str] | None, path: Path, line: int
) -> Example:
    def text_of(key: str) -> str:
        value = record.get(key)
        if not isinstance(value, str):
            raise DataError(f"{key!r} must be a string, got {value!r}; correct the line", path=path, line=line)
        return value

    values = {name: text_of(name) for name in inputs}
    text = record["text"] if isinstance(record.get("text"), str) else "\n".join(values.values())
    meta = {key: value for key, value in record.items() if key not in {"id", "text", "spans"}}
    if "spans" not in record and "answers" not in record:
        raise DataError("has neither 'spans' nor 'answers'; a line without gold cannot be scored", path=path, line=line)
    for key in ("spans", "answers"):
        if not isinstance(record.get(key, []), list):
            raise DataError(f"{key!r} must be a list, got {record[key]!r}; write [] for none", path=path, line=line)
    try:
        spans = tuple(_span(span, text) for span in record.get("spans", ()))
        kept = tuple(span for span in spans if labels is None or span.label in labels)
        example = Example(Document(text_of("id"), text, kept, meta), values)
        _ = example.gold
    except DataError as exc:
        raise exc if exc.path else DataError(f"{exc}; correct the line", path=path, line=line) from exc
    return example


def _span(raw: Any, text: str) -> Span:
    try:
        start, end, label = int(raw["start"]), int(raw["end"]), str(raw["label"])
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(f"a span needs start, end and label, got {raw!r}") from exc
    return Span(start, end, label, raw.get("text", text[start:end]), raw.get("normalized"))
