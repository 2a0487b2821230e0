"""A task: one TOML file that says what is optimized, on what, by which measure and for how much.

    name = "headlines"
    prompt = "prompt.md"
    metric = "strings"
    dev = ["dev-1.jsonl", "dev-2.jsonl"]
    sealed = "sealed.jsonl"
    [budget]
    max_calls = 1200

Paths are relative to the file. Everything is read and checked before a model is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from apo.examples import Example, load_examples, refuse_overlap
from workbench.copying import check_copies
from workbench.errors import DataError, UsageError
from workbench.metrics import METRICS, Metric
from workbench.prompts import Method, Prompt, load_prompt
from workbench.rendering import Demo, file_demos, output_schema, render
from workbench.runs import Inputs, digest_file
from workbench.settings import Settings, load_toml


class ModelSettings(Settings):
    """Which model answers."""

    name: str = "embedded"
    api_base: str | None = None
    slots: int | None = Field(default=None, ge=1)
    max_tokens: int = Field(default=64, ge=1)
    """Longest answer."""
    temperature: float = Field(default=0.0, ge=0)


class BudgetSettings(Settings):
    """What the whole run may take: search, gate and retries."""

    max_calls: int | None = Field(default=1200, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, ge=0)


class SearchSettings(Settings):
    """How the search spends its calls."""

    seed: int = 0
    heat: int = Field(default=24, ge=8)
    """Examples by which candidates are compared at a time; below 8 a comparison decides nothing."""
    width: int = Field(default=8, ge=2)
    """Candidates that enter a round."""
    demos: int = Field(default=8, ge=0)
    """Most demos a prompt may show."""
    retrieval: tuple[Method, ...] = ("bm25", "encoder")
    """How demos may be retrieved per input; `encoder` is left out where it is not installed. [] keeps them fixed."""
    reflect_model: str | None = None
    """A capable model that proposes edits from failures and successes."""


class GateSettings(Settings):
    """The release test."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance, over all looks at the sealed file, to release a prompt that is no better."""


class TaskFile(Settings):
    """The TOML file."""

    name: str = Field(min_length=1)
    prompt: Path
    metric: Literal["strings", "spans", "boundary", "overlap", "normalized", "exact", "token_set"] = "strings"
    labels: tuple[str, ...] | None = None
    """Span labels that count as answers; None counts all."""
    dev: tuple[Path, ...] = Field(min_length=1)
    sealed: Path | None = None
    rules: Path | None = None
    """A prompt file whose rules the search may try: the task's rule bank."""
    model: ModelSettings = ModelSettings()
    budget: BudgetSettings = BudgetSettings()
    search: SearchSettings = SearchSettings()
    gate: GateSettings = GateSettings()


@dataclass(frozen=True, slots=True)
class Task:
    """A task, read and checked."""

    file: TaskFile
    path: Path
    prompt: Prompt
    metric: Metric
    batches: tuple[tuple[Example, ...], ...]
    sealed: tuple[Example, ...]
    bank: Prompt | None
    inputs: Inputs
    """Hashes of all that was read."""

    @property
    def dev(self) -> tuple[Example, ...]:
        """All dev examples, batch after batch."""
        return tuple(example for batch in self.batches for example in batch)


def load_task(path: Path, *, overrides: Sequence[str] = ()) -> Task:
    """Read a task file and everything it names.

    Raises:
        UsageError: the file or a setting is wrong.
        DataError: a prompt or data file is wrong, or the sealed file repeats a dev text.
    """
    file = load_toml(path, TaskFile, overrides=overrides)
    folder = path.parent
    prompt = load_prompt(folder / file.prompt)
    batches = tuple(load_examples(folder / each, prompt.inputs, file.labels) for each in file.dev)
    sealed = load_examples(folder / file.sealed, prompt.inputs, file.labels) if file.sealed else ()
    bank = load_prompt(folder / file.rules) if file.rules else None
    paths = [*file.dev, *([file.sealed] if file.sealed else [])]
    data = {str(each): digest_file(folder / each) for each in paths}
    prompts = {"start": prompt.sha256, **({"rules": bank.sha256} if bank else {})}
    inputs = Inputs(file.search.seed, prompts, data)
    task = Task(file, path, prompt, METRICS[file.metric], batches, sealed, bank, inputs)
    _check(task)
    return task


def answers_of(values: object) -> tuple[str, ...]:
    """The strings in a model's answer, in order: a string, a list of strings, or an object of such."""
    if isinstance(values, str):
        return (values,)
    if isinstance(values, dict):
        return tuple(text for value in values.values() for text in answers_of(value))
    if isinstance(values, list):
        return tuple(text for value in values for text in answers_of(value))
    return () if values is None else (str(values),)


def gold_demo(prompt: Prompt, example: Example) -> Demo:
    """The example as a solved demo of the prompt.

    Raises:
        UsageError: the output has several fields; gold answers fill one.
    """
    name, *others = prompt.output
    if others:
        raise UsageError(f"demos are made for one output field, the prompt has {list(prompt.output)}; merge them")
    listed = prompt.output[name].get("type") == "array"
    value = list(example.gold) if listed else next(iter(example.gold), "")
    return Demo(dict(example.inputs), {name: value})


def _check(task: Task) -> None:
    """Find what would fail later: repeated ids, leaking texts, a schema or a placeholder that does not hold."""
    ids = Counter(example.id for example in task.dev)
    for id_, count in ids.items():
        if count > 1:
            raise UsageError(f"{task.path}: id {id_!r} is in two dev batches; give each example its own")
    if task.sealed:
        refuse_overlap(task.dev, task.sealed, task.path.parent / str(task.file.sealed))
        _refuse_sealed_demos(task)
    if task.bank and task.bank.inputs != task.prompt.inputs:
        raise UsageError(
            f"{task.path}: the rule bank takes the inputs {list(task.bank.inputs)}, the prompt"
            f" {list(task.prompt.inputs)}; give both the same"
        )
    if task.metric.kind == "f1" and not any(example.gold for example in task.dev):
        raise UsageError(
            f"{task.path}: no dev example has an answer with labels {task.file.labels}; correct labels, or add answers"
        )
    output_schema(task.prompt)
    check_copies(task.prompt)
    for file, batch in zip(task.file.dev, task.batches, strict=True):
        _check_gold(task, batch, task.path.parent / file)
    _check_gold(task, task.sealed, task.path.parent / str(task.file.sealed))


def _refuse_sealed_demos(task: Task) -> None:
    """A prompt that shows a sealed example has seen the answer."""
    sealed = {tuple(example.inputs.values()): example.id for example in task.sealed}
    for demo in file_demos(task.prompt):
        if twin := sealed.get(tuple(demo.inputs[name] for name in task.prompt.inputs)):
            raise UsageError(f"{task.path}: the prompt shows sealed example {twin!r} as a demo; remove one of them")


def _check_gold(task: Task, examples: Sequence[Example], path: Path) -> None:
    """Each example's gold can be scored by the metric and shown as a demo."""
    for example in examples:
        if task.metric.kind == "f1" and "answers" in example.document.meta:
            raise DataError(
                f"example {example.id!r} has 'answers', but metric {task.metric.name!r} reads 'spans';"
                " use the metric exact or token_set",
                path=path,
            )
        try:
            render(task.prompt, example.inputs, [gold_demo(task.prompt, example)])
        except DataError as exc:
            raise DataError(f"example {example.id!r}: {exc}", path=path) from exc
