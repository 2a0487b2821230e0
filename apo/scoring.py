"""Score one prompt of a task: `apo eval`.

With several slots, or on a server, the same request may be answered differently. `repeats` measures that noise floor:
a difference between two prompts that is not above it means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio

from apo.evaluate import Decoding, Evaluator, Outcome
from apo.examples import load_examples
from apo.optimize import open_budget, open_model
from apo.report import interval_text, score_report
from apo.task import Task
from lm.road import Road
from workbench.console import Ticker
from workbench.metrics import ratio
from workbench.prompts import load_prompt

Progress = Callable[[int, str], AbstractContextManager[Ticker]]


def evaluate_prompt(
    task: Task, prompt_path: Path | None, data: Path | None, *, limit: int | None, repeats: int = 1, progress: Progress
) -> dict[str, Any]:
    """Score a prompt file on the dev batches or on a file; every path is read before the model is opened.

    Repeats run one after another and without a reply store, else the road would answer them from one call. The score is
    that of the first.
    """
    prompt = load_prompt(prompt_path) if prompt_path else task.prompt
    examples = load_examples(data, prompt.inputs, task.file.labels) if data else task.dev
    examples = examples[:limit]
    engine = open_model(task.file.model)
    road = Road(engine, budget=open_budget(task, engine))
    model = task.file.model
    evaluator = Evaluator(road, task.metric, pool=task.dev, decoding=Decoding(model.max_tokens, model.temperature))

    async def score() -> dict[str, Any]:
        try:
            with progress(repeats * len(examples), "calls") as ticker:
                runs = [
                    await evaluator.evaluate(prompt, examples, on_done=lambda: ticker.advance()) for _ in range(repeats)
                ]
        finally:
            await road.aclose()
        return {
            "task": task.file.name,
            "model": model.name,
            "prompt": prompt.sha256,
            **score_report(task.metric, runs[0]),
            "noise": measure_noise(runs) if repeats > 1 else None,
        }

    return anyio.run(score)


def measure_noise(runs: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    """How many examples got more than one answer over repeated runs, of those that every run answered."""
    answered = [outcomes for outcomes in zip(*runs, strict=True) if all(outcome.tally for outcome in outcomes)]
    changed = sum(len({(outcome.answers, outcome.error) for outcome in outcomes}) > 1 for outcomes in answered)
    tallies = [[outcome.tally for outcome in run if outcome.tally] for run in runs]
    return {
        "repeats": len(runs),
        "changed": changed,
        "n": len(answered),
        "scores": [ratio(run) if run else None for run in tallies],
    }


def format_scores(scores: dict[str, Any]) -> str:
    """The scores for people."""
    lines = [f"{scores['metric']} {interval_text(scores['score'])}" if scores["score"] else "no answer at all"]
    lines += [f"  {row['pattern']:<16} {row['score']:.3f}  n={row['n']}" for row in scores["patterns"]]
    if scores["unreadable"] or scores["missing"]:
        lines.append(
            f"{scores['unreadable']} answers unreadable (wrong), {scores['missing']} calls failed (not scored)"
        )
    if scores["constant"]["warning"]:
        lines.append(
            f"WARNING: always answering {scores['constant']['answers']} scores {scores['constant']['score']:.3f}"
        )
    if noise := scores["noise"]:
        lines.append(f"noise floor: {noise['changed']} of {noise['n']} answers changed over {noise['repeats']} runs")
    return "\n".join(lines)
