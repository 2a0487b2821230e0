"""Facts as data: a line each, with the words they rest on, who said them where, and the slots that code reads.

The file only grows, pair by pair. One that was cut off is completed by the same command: pairs that have lines are left
as they are, but for the last one, whose missing lines are added; what a model answered before comes from the store.

    file = FactFile.open(path, pairs, by="code", writer=None)
    file.add(pair, records_by_code(pair))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reer.citations import as_sentence
from reer.fact_kinds import kind_of
from reer.pairs import Pair
from reer.slots import Slot
from reer.statements import find_statements
from reer.summary import Summarizer, Written
from workbench.errors import DataError, UsageError
from workbench.jsonl import append_jsonl, read_tolerant

CHUNK = 4
"""Pairs that a model is asked about before their facts are written."""


@dataclass(slots=True)
class FactFile:
    """The facts so far, and where the next go."""

    path: Path
    by: str
    """`code` or `model`."""
    writer: str | None
    """Name of the model."""
    lines: list[dict[str, Any]]

    @classmethod
    def open(cls, path: Path, pairs: Sequence[Pair], *, by: str, writer: str | None) -> FactFile:
        """Read what is there; a torn last line is cut off.

        Raises:
            DataError: a line is no fact.
            UsageError: the facts are of other pairs, or were found another way.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = read_tolerant(path)
        known = {pair.id for pair in pairs}
        for number, line in enumerate(lines, start=1):
            if not all(isinstance(line.get(key), str) for key in ("pair", "text", "kind", "by")):
                raise DataError("is no fact; give --out a file of its own", path=path, line=number)
            if (line["by"], line.get("writer")) != (by, writer):
                raise UsageError(f"{path} holds facts by {line.get('writer') or line['by']}; give --out another file")
            if line["pair"] not in known:
                raise UsageError(
                    f"{path} holds facts of pair {line['pair']!r}, which is not asked for; give another file"
                )
        return cls(path, by, writer, lines)

    def left(self, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs that have no lines yet, and the last one that has."""
        done = {line["pair"] for line in self.lines} - {self.lines[-1]["pair"] if self.lines else None}
        return [pair for pair in pairs if pair.id not in done]

    def add(self, pair: Pair, records: Sequence[Mapping[str, Any]]) -> None:
        """Append the facts of a pair that are not there yet."""
        there = {line["text"] for line in self.lines if line["pair"] == pair.id}
        for record in records:
            if record["text"] not in there:
                line = {**record, **_origin(pair), "by": self.by, "writer": self.writer}
                append_jsonl(self.path, line, sync=False)
                self.lines.append(line)


def records_by_code(pair: Pair) -> list[dict[str, Any]]:
    """The statements of a reply, in its own words."""
    return [
        _record(kind_of(each.text, each.slots), as_sentence(each), each.slots, each.text)
        for each in find_statements(pair)
    ]


async def write_by_model(
    file: FactFile,
    pairs: Sequence[Pair],
    summarizer: Summarizer,
    traces: Mapping[str, str],
    on_done: Callable[[int], None],
) -> Counter[str]:
    """Ask a model about pairs and append what stands; returns why the rest does not.

    Raises:
        ModelError: the model does not answer; what was written stays.
        BudgetError: a cap is reached.
    """
    refused: Counter[str] = Counter()
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        for pair, summary in zip(chunk, await summarizer.write_all(chunk, traces), strict=True):
            file.add(pair, [_of(fact) for fact in summary.facts])
            refused.update(summary.refused)
        on_done(len(chunk))
    return refused


def report_of(file: FactFile, pairs: Sequence[Pair], refused: Mapping[str, int] | None) -> dict[str, Any]:
    """How many facts stand, of which kinds, from how many pairs; and what was refused in this run."""
    return {
        "out": str(file.path),
        "by": file.by,
        "writer": file.writer,
        "pairs": len(pairs),
        "pairs_with_facts": len({line["pair"] for line in file.lines}),
        "facts": len(file.lines),
        "kinds": dict(Counter(line["kind"] for line in file.lines).most_common()),
        "refused": None if refused is None else dict(Counter(refused).most_common()),
    }


def _of(fact: Written) -> dict[str, Any]:
    return _record(fact.kind, fact.text, fact.slots, fact.quote)


def _record(kind: str, text: str, slots: Sequence[Slot], quote: str) -> dict[str, Any]:
    read = [{"kind": slot.kind, "value": slot.value, "unit": slot.unit} for slot in slots]
    return {"kind": kind, "text": text, "slots": read, "quote": quote}


def _origin(pair: Pair) -> dict[str, Any]:
    date = pair.date.isoformat() if pair.date else None
    where = {"pair": pair.id, "conversation": pair.conversation, "turn": pair.turn, "speaker": pair.speaker}
    return {**where, "date": date}
