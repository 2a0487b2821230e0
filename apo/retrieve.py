"""Demos that are retrieved per input: the labelled examples most like it, as a prompt's `demos: {nearest, k}` asks.

They come after the demos of the file, which all requests share. An input never retrieves itself or a copy of itself: it
would be shown its own answer.

    retriever = Retriever(task.dev)
    turns = render(prompt, inputs, retriever.nearest(prompt, inputs))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apo.examples import Example, normalized_text
from apo.task import gold_demo
from lm.encoder import Encode, Encoder, encoder_installed
from workbench.documents import Document
from workbench.errors import UsageError
from workbench.nearest import Bm25, best
from workbench.prompts import Method, Nearest, Prompt
from workbench.rendering import Demo, file_demos

DECIMALS = 5
"""Digits of a cosine that count; those behind differ by machine, and equal texts must stay in the pool's order."""
QUERIES = 4096
"""Queries whose cosines are remembered."""


def installed(methods: Sequence[Method]) -> tuple[Method, ...]:
    """Those of the methods that work here: `encoder` needs the extra `local`."""
    return tuple(method for method in methods if method != "encoder" or encoder_installed())


Scores = Callable[[str], NDArray[np.floating[Any]]]
"""How near each text of the pool is to a query, shape (n,); higher is nearer."""


@dataclass(frozen=True, slots=True)
class _Index:
    """The pool as prompts of one method see it, its inputs in the order of theirs."""

    scores: Scores
    folded: tuple[str, ...]
    """The texts, copies the same."""


class Retriever:
    """A pool of labelled examples, indexed once for each method that prompts ask for."""

    def __init__(self, pool: Sequence[Example], *, encode: Encode | None = None) -> None:
        """Take the pool; `encode` serves `nearest: encoder`, and is all-MiniLM-L6-v2 unless told."""
        self._pool = tuple(pool)
        self._encode = encode
        self._indexes: dict[tuple[str, tuple[str, ...]], _Index] = {}

    def prepare(self, prompt: Prompt) -> None:
        """Index the pool if the prompt retrieves its demos; `nearest` does so too, this tells early what is missing.

        Raises:
            UsageError: the pool is empty.
            MissingExtraError: the prompt retrieves by encoder, which is not installed.
        """
        if isinstance(prompt.demo_mode, Nearest):
            self._index(prompt, prompt.demo_mode)

    def nearest(self, prompt: Prompt, inputs: Mapping[str, str]) -> list[Demo] | None:
        """The demos to show for one input, those of the file first, the nearest last; None when all are of the file.

        Raises:
            UsageError: the pool is empty.
            MissingExtraError: the prompt retrieves by encoder, which is not installed.
        """
        if not isinstance(prompt.demo_mode, Nearest):
            return None
        index = self._index(prompt, prompt.demo_mode)
        own = _folded(inputs)
        shown = file_demos(prompt)
        known = {own, *(_folded(demo.inputs) for demo in shown)}
        copies = [position for position, folded in enumerate(index.folded) if folded in known]
        found = best(index.scores(_joined(inputs)), prompt.demo_mode.k, exclude=copies)
        return [*shown, *(gold_demo(prompt, self._pool[position]) for position in reversed(found))]

    def _index(self, prompt: Prompt, mode: Nearest) -> _Index:
        if not self._pool:
            raise UsageError(f"prompt {prompt.task!r} retrieves its demos; give a labelled pool or set `demos: fixed`")
        key = mode.method, prompt.inputs
        if key not in self._indexes:
            shown = [{name: example.inputs.get(name, "") for name in prompt.inputs} for example in self._pool]
            texts = [_joined(inputs) for inputs in shown]
            scores = Bm25(texts).scores if mode.method == "bm25" else self._cosines(texts)
            self._indexes[key] = _Index(scores, tuple(_folded(inputs) for inputs in shown))
        return self._indexes[key]

    def _cosines(self, texts: Sequence[str]) -> Scores:
        """Embed the pool; a query that comes again, as it does with each prompt, is not embedded again."""
        encode = self._encode or Encoder().encode
        embedded = encode(texts)
        return lru_cache(QUERIES)(lambda query: np.round(embedded @ encode([query])[0], DECIMALS))


def _joined(inputs: Mapping[str, str]) -> str:
    return " ".join(inputs.values())


def _folded(inputs: Mapping[str, str]) -> str:
    return normalized_text(Example(Document("", ""), inputs))
