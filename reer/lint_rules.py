"""The rules of `reer lint` by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from reer.lint import Rule, Severity
from reer.lint_conditions import find_lost_conditions
from reer.lint_pages import find_broken_links, find_orphans, find_stale, find_unreadable
from reer.lint_rivals import find_duplicates, find_not_current, find_two_values
from reer.lint_sources import find_no_source, find_not_in_source
from reer.lint_values import find_impossible, find_units
from workbench.errors import UsageError

RULES: dict[str, tuple[Severity, Rule]] = {
    "unreadable": ("error", find_unreadable),
    "two-values": ("error", find_two_values),
    "unit": ("error", find_units),
    "impossible": ("error", find_impossible),
    "stale": ("warning", find_stale),
    "condition-lost": ("error", find_lost_conditions),
    "broken-link": ("error", find_broken_links),
    "orphan": ("warning", find_orphans),
    "duplicate": ("warning", find_duplicates),
    "no-source": ("error", find_no_source),
    "not-in-source": ("error", find_not_in_source),
    "not-current": ("error", find_not_current),
}


def choose_rules(names: Sequence[str]) -> dict[str, tuple[Severity, Rule]]:
    """The named rules, all when none is named.

    Raises:
        UsageError: there is no such rule.
    """
    for name in names:
        if name not in RULES:
            near = get_close_matches(name, RULES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(RULES)}"
            raise UsageError(f"there is no rule {name!r}; {hint}")
    return {name: rule for name, rule in RULES.items() if not names or name in names}


def explain_rules() -> dict[str, str]:
    """Each rule in one line."""
    return {name: (rule.__doc__ or "").split("\n")[0] for name, (_, rule) in RULES.items()}
