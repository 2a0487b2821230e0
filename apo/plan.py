"""What a run is going to do and cost at most, said before anything is asked: `apo optimize --dry-run`."""

from __future__ import annotations

from typing import Any

from apo.optimize import plan_costs
from apo.race import stretches
from apo.search import Plan, planned_calls
from apo.task import Task
from workbench.stats import minimum_detectable_effect

SECONDS_PER_CALL = {"embedded": 0.25}
"""Measured on two cores with headlines; other models are not guessed."""
TYPICAL_SD = 0.6
"""Standard deviation of a document's linearised gain in past runs on string F1; only for this forecast."""


def describe_plan(task: Task) -> dict[str, Any]:
    """Plan, calls, time and cost bound. Asks nothing and opens no model."""
    costs = plan_costs(task)
    name = task.file.model.name
    seconds = SECONDS_PER_CALL.get(name)
    sealed = len(task.sealed)
    first = planned_calls(Plan(costs.search, task.file.search.heat), len(task.dev))
    return {
        "task": task.file.name,
        "model": name,
        "dev": [len(batch) for batch in task.batches],
        "sealed": sealed,
        "heats": [end - start for start, end in stretches(len(task.dev), task.file.search.heat)],
        "calls": {"search": costs.search, "first_round": first, "gate": costs.gate, "total": costs.total},
        "minutes": None if seconds is None else round(costs.total * seconds / 60, 1),
        "cost_usd_bound": 0.0
        if name == "embedded" or name.startswith(("gguf:", "hf:"))
        else task.file.budget.max_cost_usd,
        "detectable_gain": None if not sealed else round(minimum_detectable_effect(TYPICAL_SD, sealed, alpha=0.025), 3),
    }


def format_plan(plan: dict[str, Any]) -> str:
    """The plan for people."""
    calls = plan["calls"]
    minutes = "unknown" if plan["minutes"] is None else f"about {plan['minutes']} min on two cores"
    cost = plan["cost_usd_bound"]
    lines = [
        f"task {plan['task']} on {plan['model']}",
        f"dev {sum(plan['dev'])} examples in {len(plan['dev'])} batches, compared in stretches of {plan['heats']}",
        f"calls {calls['total']} at most: {calls['search']} search ({calls['first_round']} of them the first round),"
        f" {calls['gate']} sealed test",
        f"time {minutes}; cost {'unknown, cap it with --max-cost' if cost is None else f'at most {cost} USD'}",
    ]
    if plan["detectable_gain"] is not None:
        lines.append(f"sealed {plan['sealed']} examples: shows a gain of {plan['detectable_gain']} four times in five")
    else:
        lines.append("no sealed file: nothing can be released")
    return "\n".join(lines)
