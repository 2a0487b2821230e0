"""Key-value caches of `transformers` that several passes start from: forked, cropped, lent to a batch.

Layers that join new keys to old ones make a new tensor each time, so a fork costs nothing and leaves its origin as it
is. Layers with a running state (linear attention, convolutions) write into it, and cannot be forked.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

JOINING = ("DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer")
"""Kinds of layers that leave old tensors as they are; the last holds none."""


def empty(config: Any) -> Any:
    """A cache before the first token."""
    from transformers import DynamicCache

    return DynamicCache(config=config)


def can_fork(config: Any) -> bool:
    """Whether all layers of such a model's cache can be forked."""
    layers = empty(config).layers
    return bool(layers) and all(type(layer).__name__ in JOINING for layer in layers)


def fork(cache: Any) -> Any:
    """A cache that goes its own way from here; the tensors up to here are shared."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def crop(cache: Any, tokens: int) -> Any:
    """A fork with `tokens` (0 or less) taken off its end; None where a layer has forgotten what stands before."""
    if cache is None or (tokens and any(type(layer).__name__ == "DynamicSlidingWindowLayer" for layer in cache.layers)):
        return None
    twin = fork(cache)
    for layer in twin.layers if tokens else ():
        layer.crop(tokens)
    return twin


def lend(cache: Any, rows: int) -> Any:
    """A cache of one row, as one of `rows` equal rows, for a single pass.

    Nothing is copied until a layer runs, and layers of plain attention let go of the copy when they have run.
    """
    twin = fork(cache)
    twin.layers = [_lent(layer, rows) for layer in twin.layers]
    return twin


def _lent(layer: Any, rows: int) -> Any:
    if getattr(layer, "keys", None) is None:
        return layer
    lent = _lent_layer()() if type(layer).__name__ == "DynamicLayer" else layer
    lent.keys, lent.values = (each.expand(rows, -1, -1, -1) for each in (layer.keys, layer.values))
    lent.is_initialized = True
    return lent


@functools.cache
def _lent_layer() -> type[Any]:
    """The class of layers that do not keep what they are given."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class LentLayer(DynamicLayer):  # type: ignore[misc]
        """Joins new keys and values to the lent ones, for the layer that asks."""

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            return torch.cat([self.keys, key_states], dim=-2), torch.cat([self.values, value_states], dim=-2)

    return LentLayer
