"""A lint against rules that are learned by heart: what only the dev set says may not enter a prompt.

A copied answer raises the dev score, by which the search chooses, and teaches nothing about other texts.

    lint = OverfitLint(task.prompt, task.dev)
    lint.problem("Siemens is a company.")  # "names the gold answer 'Siemens'"
"""

from __future__ import annotations

from collections.abc import Sequence

from apo.examples import Example
from workbench.nearest import tokenize
from workbench.prompts import Prompt

COPIED_WORDS = 6
"""So many words in a row from a dev text are a copy."""


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


def _shingles(text: str, n: int) -> set[tuple[str, ...]]:
    """All stretches of `n` words, lowercase."""
    words = tokenize(text)
    return {tuple(words[start : start + n]) for start in range(len(words) - n + 1)}


def _occurs(gold: str, text: str, words: set[tuple[str, ...]]) -> bool:
    """Whether a text spells an answer as it is, in whole words; `words` are those of the text."""
    parts = tokenize(gold)
    return bool(parts) and gold in text and all((part,) in words for part in parts)
