import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.boundary import cut, cut_ids, moved
from tests.lm import tiny_model

needs_tokenizers = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("tokenizers", "transformers")),
    reason="the extra `local` is not installed",
)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_model.tokenizer()


def harness_pair(encode, context, continuation):
    """`TemplateLM._encode_pair` of lm-evaluation-harness 0.4.13, for causal models."""
    n_spaces = len(context) - len(context.rstrip())
    if n_spaces > 0:
        continuation = context[-n_spaces:] + continuation
        context = context[:-n_spaces]
    whole_enc = encode(context + continuation)
    context_enc = encode(context)
    return context_enc, whole_enc[len(context_enc) :]


def test_white_space_moves_from_the_context_to_y():
    assert moved("Q: why?\nA: ", "because") == ("Q: why?\nA:", " because")
    assert moved(" \n", "because") == ("", " \nbecause")
    assert moved("Q", " because") == ("Q", " because")


@needs_tokenizers
@pytest.mark.parametrize(
    "context", ["The bank", "The bank ", "Does the fee apply?\n\n", "A client asks\tthe clerk:   "]
)
@pytest.mark.parametrize("y", [" opens an account", "12 euros", "地址", "\nA proof of address."])
def test_the_cut_is_that_of_the_harness(tokenizer, context, y):
    context_ids, y_ids = cut(tokenizer.encode, context, y)
    theirs = harness_pair(tokenizer.encode, context, y)
    assert (list(context_ids), list(y_ids)) == theirs
    assert tokenizer.decode([*context_ids, *y_ids]) == context + y


@needs_tokenizers
def test_a_word_that_grows_together_is_scored_whole(tokenizer):
    """The harness loses the token that holds the end of the context and the start of y."""
    context, y = "A proof of addr", "ess"
    _, y_ids = cut(tokenizer.encode, context, y)
    _, theirs = harness_pair(tokenizer.encode, context, y)
    assert tokenizer.decode(y_ids).endswith("ress")
    assert len(tokenizer.decode(theirs)) < len(y)


@needs_tokenizers
@given(context=st.text(max_size=12), y=st.text(min_size=1, max_size=12))
def test_no_token_of_y_is_lost(tokenizer, context, y):
    context_ids, y_ids = cut(tokenizer.encode, context, y)
    bare, rest = moved(context, y)
    assert [*context_ids, *y_ids] == tokenizer.encode(context + y)
    assert len(tokenizer.decode(context_ids)) <= len(bare) or not rest
    assert y_ids


def test_a_context_that_is_no_prefix_is_cut_where_it_parts():
    assert cut_ids([1, 2, 3], [1, 2, 9, 4]) == ((1, 2), (9, 4))
    assert cut_ids([1, 2], [1, 2, 4]) == ((1, 2), (4,))
    assert cut_ids([], [4]) == ((), (4,))
