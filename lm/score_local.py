"""Scores by a model in this process through `transformers`: the reference that the other engines are held to.

Its spec is that of `lm/local.py`; in float32 its figures are those of one pass per text, to rounding.

    engine = LocalScores.load("hf:embedded", dtype="float32")
    scores = await Scorer(engine).score(items)
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio.to_thread

from lm.boundary import cut, moved
from lm.local import load_causal_lm
from lm.score_plan import Limits
from lm.scores import Item, OnRow, Row
from lm.shared_prefix import Job, Pair, SharedPrefix
from workbench.errors import ModelError, UsageError

DTYPES = ("bfloat16", "float16", "float32")
SAMPLE = 64
"""Numbers of each weight that go into a model's fingerprint."""


class LocalScores:
    """An engine that holds a causal language model in memory."""

    def __init__(self, name: str, model: Any, tokenizer: Any, *, limits: Limits | None = None) -> None:
        """Take a model that is already in memory; its weights must stay as they are.

        Args:
            name: what errors call it.
            model: a causal language model of `transformers`.
            tokenizer: its tokenizer.
            limits: the most that goes through the model in one batch.
        """
        self.name = name
        self.identity = f"{name} {fingerprint(model, tokenizer)}"
        self.passes = SharedPrefix(model.eval(), limits)
        self._longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.tokenizer = tokenizer
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(
        cls, spec: str, *, dtype: str = "bfloat16", device: str = "cpu", limits: Limits | None = None
    ) -> LocalScores:
        """Load a model, which takes seconds to minutes.

        Args:
            spec: as for `lm/local.py`.
            dtype: precision of weights and sums; in float32 a figure does not depend on its batch by more than 1e-5
                nats per token, in bfloat16 by some 1e-2.
            device: as torch names it.
            limits: the most that goes through the model in one batch.

        Raises:
            UsageError: no model is there, or the precision is unknown.
            MissingExtraError: torch, transformers or gguf is missing.
        """
        if dtype not in DTYPES:
            raise UsageError(f"dtype is {dtype!r}; give one of {', '.join(DTYPES)}")
        model, tokenizer = load_causal_lm(spec, dtype)
        return cls(spec, model.to(device=device), tokenizer, limits=limits)

    async def encode(self, items: Sequence[Item]) -> list[Row]:
        """Cut each item; where nothing stands before y, it follows the token that begins (or else ends) a text.

        Raises:
            ModelError: an item does not fit into the model's context.
        """
        return await anyio.to_thread.run_sync(lambda: [self._row(item) for item in items])

    async def score(self, rows: Sequence[Row], on_row: OnRow) -> None:
        """Score in a worker thread, which ends with its batch when this is cancelled.

        Raises:
            ModelError: memory ran out on a single row, or the model failed.
        """
        cancelled = threading.Event()
        try:
            await anyio.to_thread.run_sync(partial(self._score, rows, on_row, cancelled), abandon_on_cancel=True)
        finally:
            cancelled.set()

    async def aclose(self) -> None:
        """Let go of the weights."""
        self.passes.free()

    def _score(self, rows: Sequence[Row], on_row: OnRow, cancelled: threading.Event) -> None:
        with self._one_at_a_time:
            try:
                self.passes.score(Job([_pair(row) for row in rows], on_row, cancelled.is_set))
            except (RuntimeError, ValueError, IndexError) as exc:
                raise ModelError(f"{self.name!r} failed: {exc}; check the model's files", cause="server") from exc

    def _row(self, item: Item) -> Row:
        with self._one_at_a_time:  # calls of a tokenizer of transformers change it
            context, y = cut(self._encode, item.context, item.y)
            if not context:
                start = self._start_token()
                y = tuple(self.tokenizer.encode("".join(moved(item.context, item.y)), add_special_tokens=False))
                context, y = (start,), y[1:] if len(y) > 1 and y[0] == start else y
        if self._longest is not None and len(context) + len(y) > self._longest + 1:
            raise ModelError(
                f"{self.name!r} has a context of {self._longest} tokens; what stands before y has {len(context)} and"
                f" y {len(y)}; shorten one of them",
                cause="request",
            )
        return Row(context, y)

    def _encode(self, text: str) -> list[int]:
        """Token ids; a text that already begins with the special token gets no second one."""
        start = self.tokenizer.bos_token
        plain = {"add_special_tokens": False} if start and text.startswith(start) else {}
        ids: list[int] = self.tokenizer.encode(text, **plain)
        return ids

    def _start_token(self) -> int:
        start = self.tokenizer.bos_token_id
        start = self.tokenizer.eos_token_id if start is None else start
        if start is None:
            raise ModelError(
                f"the tokenizer of {self.name!r} has no token that begins a text; give each item a context",
                cause="request",
            )
        return int(start)


def fingerprint(model: Any, tokenizer: Any) -> str:
    """Short hash of a model and its tokenizer: precision, some of each weight, and the vocabulary.

    It tells a trained model from its origin, and costs milliseconds.
    """
    digest = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    for name, weight in model.state_dict().items():
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().reshape(-1)[:SAMPLE].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def _pair(row: Row) -> Pair:
    assert isinstance(row.context, tuple)
    assert isinstance(row.y, tuple)
    return row.context, row.y
