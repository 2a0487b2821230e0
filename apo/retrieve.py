"""Demos that are retrieved per input: the labelled examples most like it, as a prompt's `demos: {nearest, k}` asks.

An input never retrieves itself or a copy of itself: it would be shown its own answer.

    retriever = Retriever(task.dev)
    turns = render(prompt, inputs, retriever.nearest(prompt, inputs))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apo.examples import Example, normalized_text
from apo.task import gold_demo
from lm.encoder import Encoder
from workbench.documents import Document
from workbench.errors import UsageError
from workbench.nearest import Bm25, best
from workbench.prompts import Fixed, Prompt
from workbench.rendering import Demo

DECIMALS = 5
"""Digits of a cosine that count; those behind differ by machine, and equal texts must stay in the pool's order."""

Encode = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""Embeddings of texts, of unit length, shape (n, dimensions)."""
Scores = Callable[[str], NDArray[np.floating[Any]]]
"""How near each text of the pool is to a query, shape (n,); higher is nearer."""


class Retriever:
    """A pool of labelled examples, indexed once for each method that prompts ask for."""

    def __init__(self, pool: Sequence[Example], *, encode: Encode | None = None) -> None:
        """Take the pool; `encode` serves `nearest: encoder`, and is all-MiniLM-L6-v2 unless told."""
        self._pool = tuple(pool)
        self._texts = [_joined(example.inputs) for example in pool]
        self._folded = [normalized_text(example) for example in pool]
        self._encode = encode
        self._scores: dict[str, Scores] = {}

    def prepare(self, prompt: Prompt) -> None:
        """Index the pool as a prompt asks; `nearest` does so too, this tells early what is missing.

        Raises:
            UsageError: the prompt retrieves its demos and the pool is empty.
            MissingExtraError: it retrieves them by encoder, which is not installed.
        """
        mode = prompt.demo_mode
        if isinstance(mode, Fixed) or mode.method in self._scores:
            return
        if not self._pool:
            raise UsageError(f"prompt {prompt.task!r} retrieves its demos; give a labelled pool or set `demos: fixed`")
        self._scores[mode.method] = Bm25(self._texts).scores if mode.method == "bm25" else self._cosines()

    def nearest(self, prompt: Prompt, inputs: Mapping[str, str]) -> list[Demo] | None:
        """The demos to show for one input, the nearest last; None when the prompt does not retrieve them.

        Raises:
            UsageError: the pool is empty.
            MissingExtraError: the encoder is not installed.
        """
        if isinstance(prompt.demo_mode, Fixed):
            return None
        self.prepare(prompt)
        own = normalized_text(Example(Document("", ""), inputs))
        copies = [index for index, folded in enumerate(self._folded) if folded == own]
        scores = self._scores[prompt.demo_mode.method](_joined(inputs))
        found = best(scores, prompt.demo_mode.k, exclude=copies)
        return [gold_demo(prompt, self._pool[index]) for index in reversed(found)]

    def _cosines(self) -> Scores:
        """Embed the pool."""
        encode = self._encode or Encoder().encode
        embedded = encode(self._texts)
        return lambda query: np.round(embedded @ encode([query])[0], DECIMALS)


def _joined(inputs: Mapping[str, str]) -> str:
    return " ".join(inputs.values())
