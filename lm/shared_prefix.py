"""Log-probabilities of many texts by one model of `transformers`, each shared prefix computed once.

Texts run in batches on the key-value cache of their prefix, padded on the right, where a causal model does not look.
The cache is lent to a batch: each layer joins it with the batch's own keys for as long as the layer runs. Logits are
computed where y is, and nowhere else, and normalized in float32.

    passes = SharedPrefix(model)
    passes.score([(context_ids, y_ids), ...], on_pair)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm.boundary import common_length
from lm.key_values import can_fork, crop, empty, fork, lend
from lm.score_plan import WORTH_TOKENS, Limits, Node, first_batch, plan
from workbench.errors import ModelError

if TYPE_CHECKING:
    import torch

PREFILL_TOKENS = 4096
"""Longest piece of a prefix that goes through the model at once."""
LOGIT_ROWS = 512
"""Rows of logits normalized at once; each is as wide as the vocabulary."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""How torch says so, on a GPU and on the CPU."""

Ids = tuple[int, ...]
Pair = tuple[Ids, Ids]
"""Token ids of a context and of y, each at least one."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one call scores."""

    pairs: Sequence[Pair]
    on_pair: Callable[[int, tuple[float, ...]], None]
    """Told of each pair's position and log-probabilities in nats."""
    stopped: Callable[[], bool] = lambda: False
    """Asked before each batch; true ends the work."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens that have gone through the model, and its key-value cache after them; None before the first."""

    ids: Ids = ()
    cache: Any = None


class SharedPrefix:
    """Runs the passes; serves one call at a time. Keeps the longest prefix that all pairs of a call share."""

    def __init__(self, model: Any, limits: Limits | None = None) -> None:
        """Find out what the model's `forward` takes, by one pass over two tokens.

        Args:
            model: a causal language model in evaluation mode.
            limits: the most that goes through it in one batch; halved for good when memory runs out.
        """
        self.limits = limits or Limits()
        self.tokens_computed = 0
        """Tokens that went through the model so far, padding included."""
        self.logit_rows = 0
        """Tokens whose logits were computed so far."""
        self.model = model
        self._cache_name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
        self._takes_mask = _takes_mask(model)
        self._shares = can_fork(model.config)
        self._kept = Prefix()

    def score(self, job: Job) -> None:
        """Score all pairs, batch by batch.

        Raises:
            ModelError: memory does not suffice for one pair on its own.
            RuntimeError: from torch.
        """
        import torch

        if not job.pairs:
            return
        contexts = [context for context, _ in job.pairs]
        with torch.inference_mode():
            if not self._shares:
                self._score_rows(job, range(len(contexts)), Prefix())
                return
            root = plan(contexts)
            prefix = self._extended(self._reusable(contexts), contexts[root.example][: root.length])
            if len(prefix.ids) >= WORTH_TOKENS:
                self._kept = prefix
            self._visit(job, root, prefix)

    def free(self) -> None:
        """Let go of the model and of what is kept."""
        self.model, self._kept = None, Prefix()

    def _visit(self, job: Job, node: Node, prefix: Prefix) -> None:
        prefix = self._extended(prefix, job.pairs[node.example][0][: node.length])
        if node.rows:
            self._score_rows(job, node.rows, prefix)
        for child in node.children:
            if job.stopped():
                return
            self._visit(job, child, prefix)

    def _reusable(self, contexts: Sequence[Ids]) -> Prefix:
        """What the kept prefix has in common with all contexts, where that is worth it."""
        length = min(common_length(self._kept.ids, context[:-1]) for context in contexts)
        cache = crop(self._kept.cache, length - len(self._kept.ids)) if length >= WORTH_TOKENS else None
        return Prefix() if cache is None else Prefix(self._kept.ids[:length], cache)

    def _extended(self, prefix: Prefix, ids: Ids) -> Prefix:
        """The prefix with further tokens; `ids` starts with its own, or holds no more than it."""
        if len(ids) <= len(prefix.ids):
            return prefix
        cache = empty(self.model.config) if prefix.cache is None else fork(prefix.cache)
        for start in range(len(prefix.ids), len(ids), PREFILL_TOKENS):
            piece = ids[start : start + PREFILL_TOKENS]
            run = self._in_memory(self._forward, [piece], start, cache, 1)
            if run is None:
                raise self._too_large(f"a prefix of {len(ids)} tokens")
        return Prefix(ids, cache)

    def _score_rows(self, job: Job, rows: Sequence[int], prefix: Prefix) -> None:
        """Score pairs that start with the prefix, in batches."""
        done = len(prefix.ids)
        lengths = {row: len(job.pairs[row][0]) - done + len(job.pairs[row][1]) - 1 for row in rows}
        waiting = list(rows)
        while waiting and not job.stopped():
            batch = first_batch(waiting, lengths, done, self.limits)
            pairs = [(job.pairs[row][0][done:], job.pairs[row][1]) for row in batch]
            scored = self._in_memory(self._score_batch, pairs, prefix)
            if scored is None:
                longest = max(lengths[row] for row in batch)
                if len(batch) == 1:
                    raise self._too_large(f"a text of {done + longest} tokens")
                self.limits = self.limits.below(len(batch) * longest, len(batch) * (done + longest))
                continue
            for row, logprobs in zip(batch, scored, strict=True):
                job.on_pair(row, logprobs)
            taken = set(batch)
            waiting = [row for row in waiting if row not in taken]

    def _score_batch(self, pairs: list[Pair], prefix: Prefix) -> list[tuple[float, ...]]:
        """Log-probabilities of each y, for contexts after the prefix."""
        import torch

        inputs = [(*context, *y[:-1]) for context, y in pairs]
        is_y = torch.zeros(len(pairs), max(map(len, inputs)), dtype=torch.bool, device=self.model.device)
        for mask, (context, y) in zip(is_y, pairs, strict=True):
            mask[len(context) - 1 : len(context) - 1 + len(y)] = True
        cache = None if prefix.cache is None else lend(prefix.cache, len(pairs))
        logits = self._logits(inputs, len(prefix.ids), cache, is_y)
        targets = torch.tensor([token for _, y in pairs for token in y], device=logits.device)
        flat = torch.cat([_logprobs(*part) for part in zip(*_parts(logits, targets), strict=True)]).tolist()
        ends = [sum(len(y) for _, y in pairs[: n + 1]) for n in range(len(pairs))]
        return [tuple(flat[end - len(y) : end]) for end, (_, y) in zip(ends, pairs, strict=True)]

    def _logits(self, inputs: list[Ids], start: int, cache: Any, is_y: torch.Tensor) -> torch.Tensor:
        """Logits where `is_y` (batch, tokens) says so, row by row; shape (marked tokens, vocabulary)."""
        if self._takes_mask:
            logits: torch.Tensor = self._forward(inputs, start, cache, is_y)
            return logits
        columns = is_y.any(dim=0).nonzero()[:, 0]
        picked: torch.Tensor = self._forward(inputs, start, cache, columns)[is_y[:, columns]]
        return picked

    def _forward(self, inputs: Sequence[Ids], start: int, cache: Any, keep: Any) -> Any:
        """One pass over tokens that stand at position `start` and after; padded on the right to (batch, longest)."""
        import torch

        longest = max(map(len, inputs))
        device = self.model.device
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in inputs], device=device)
        mask = torch.tensor([[1] * (start + len(row)) + [0] * (longest - len(row)) for row in inputs], device=device)
        positions = torch.arange(start, start + longest, device=device).expand(len(inputs), -1)
        self.tokens_computed += ids.numel()
        output = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            use_cache=cache is not None,
            logits_to_keep=keep,
            **({self._cache_name: cache} if cache is not None else {}),
        )
        self.logit_rows += output.logits.numel() // output.logits.shape[-1]
        return output.logits

    def _in_memory(self, run: Callable[..., Any], *arguments: Any) -> Any:
        """What a pass gives, or None when memory ran out; by then the pass has let go of what it held."""
        try:
            return run(*arguments)
        except (RuntimeError, MemoryError) as exc:
            if not isinstance(exc, MemoryError) and not any(said in str(exc) for said in OUT_OF_MEMORY):
                raise
        return None

    def _too_large(self, what: str) -> ModelError:
        return ModelError(
            f"memory ran out on {what}; shorten it, load the model as bfloat16, or take a smaller model",
            cause="request",
        )


def _parts(logits: torch.Tensor, targets: torch.Tensor) -> tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]:
    return logits.split(LOGIT_ROWS), targets.split(LOGIT_ROWS)


def _logprobs(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target (rows,) under its logits (rows, vocabulary)."""
    wide = logits.float()
    logprobs: torch.Tensor = wide.gather(1, targets[:, None])[:, 0] - wide.logsumexp(dim=1)
    return logprobs


def _takes_mask(model: Any) -> bool:
    """Whether `logits_to_keep` may say for each row which tokens; some models and releases take columns only."""
    import torch

    with torch.inference_mode():
        ids = torch.zeros(1, 2, dtype=torch.long, device=model.device)
        columns = torch.arange(2, device=model.device)[None]
        try:
            return bool(model(input_ids=ids, logits_to_keep=columns == 0).logits.ndim == 2)
        except (IndexError, TypeError, RuntimeError):
            return False
