"""What the passes give is what one pass per text gives, whatever is shared and however it is batched."""

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.score_plan import WORTH_TOKENS, Limits
from lm.shared_prefix import Job, SharedPrefix
from tests.lm import tiny_model
from workbench.errors import ModelError

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "transformers")),
    reason="the extra `local` is not installed",
)
EXACT = 1e-4


def one_by_one(model, pairs):
    """The textbook way: the whole text alone, all logits, `log_softmax`."""
    import torch

    found = []
    with torch.inference_mode():
        for context, y in pairs:
            logits = model(torch.tensor([[*context, *y]])).logits[0].float().log_softmax(dim=-1)
            found.append([logits[len(context) - 1 + n, token].item() for n, token in enumerate(y)])
    return found


def scored(passes, pairs):
    found = {}
    passes.score(Job(pairs, found.__setitem__))
    return [found[position] for position in range(len(pairs))]


def assert_exact(passes, model, pairs):
    for ours, theirs in zip(scored(passes, pairs), one_by_one(model, pairs), strict=True):
        assert ours == pytest.approx(theirs, abs=EXACT)


def text(seed, length):
    """Token ids without a pattern."""
    return tuple((seed * 7919 + n * n * 31 + n * 17) % 299 + 1 for n in range(length))


@pytest.fixture(scope="module")
def model():
    return tiny_model.llama()


tokens = st.lists(st.integers(1, 9), min_size=1, max_size=8).map(tuple)
splits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), tokens, tokens), min_size=1, max_size=7)


@pytest.fixture(scope="module")
def passes(model):
    """One for all examples, so that each meets the prefix that another left."""
    return SharedPrefix(model)


@settings(max_examples=60)
@given(splits=splits, budget=st.integers(1, 400))
def test_random_splits_score_as_one_pass_per_text_does(model, passes, splits, budget):
    passes.limits = Limits(budget, 4 * budget)
    pairs = [(text(0, shared) + text(branch, 40 * branch) + own, y) for shared, branch, own, y in splits]
    assert_exact(passes, model, pairs)


def trees():
    manual, questions = text(1, 300), [text(10 + n, 90) for n in range(3)]
    return [(manual + question + text(20 + n, 3 * n + 1), text(30 + n, 5)) for question in questions for n in range(4)]


@pytest.mark.parametrize(
    "kind", [tiny_model.llama, tiny_model.mistral, tiny_model.lfm2], ids=lambda kind: kind.__name__
)
def test_each_kind_of_cache_gives_the_same(kind):
    model = kind()
    passes = SharedPrefix(model)
    assert_exact(passes, model, trees())
    assert_exact(passes, model, trees()[3:9])


def test_what_is_shared_is_computed_once(model):
    passes = SharedPrefix(model)
    scored(passes, trees())
    apart = sum(len(context) + len(y) - 1 for context, y in trees())
    assert 300 + 3 * 90 < passes.tokens_computed - 2 < 300 + 3 * 90 + 12 * 15
    assert passes.tokens_computed < apart / 5
    assert passes.logit_rows <= 12 * 5 + 4


def test_the_prefix_of_one_call_serves_the_next(model):
    passes = SharedPrefix(model)
    start, step = text(1, 200), text(2, 150)
    first = [(start + text(n, 5), (1, 2, 3)) for n in (3, 4)]
    then = [(start + step + text(n, 5), (1, 2, 3)) for n in (5, 6)]
    back = [(start + text(n, 5), (1, 2, 3)) for n in (7, 8)]
    alone = [(start + step + text(9, 5), (1, 2, 3))]
    costs = []
    for pairs in (first, then, back, alone):
        before = passes.tokens_computed
        assert_exact(passes, model, pairs)
        costs.append(passes.tokens_computed - before)
    assert costs[0] >= 200
    assert costs[1] < 150 + 2 * 10
    assert costs[2] < 2 * 10
    assert costs[3] < 150 + 10


def test_models_that_take_columns_only_give_the_same(model):
    passes = SharedPrefix(model)
    assert passes._takes_mask
    passes._takes_mask = False
    assert_exact(passes, model, trees())


def out_of_memory_above(limit):
    """A model that has no room for more than `limit` tokens at once."""
    import torch
    from transformers import LlamaForCausalLM

    class Small(LlamaForCausalLM):
        def forward(self, input_ids=None, **given):
            if input_ids.numel() > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return super().forward(input_ids=input_ids, **given)

    model = tiny_model.llama()
    model.__class__ = Small
    return model


def test_batches_shrink_when_memory_runs_out():
    model = out_of_memory_above(320)
    passes = SharedPrefix(model, Limits(tokens=5000))
    pairs = [(text(n, 60), text(n + 50, 20)) for n in range(12)]
    for ours, theirs in zip(scored(passes, pairs), one_by_one(model, pairs), strict=True):
        assert ours == pytest.approx(theirs, abs=EXACT)
    assert passes.limits.tokens <= 320 * 2


@pytest.mark.parametrize("pairs", [[(text(1, 200), (1, 2))], [((*text(1, 200), n), (1, 2)) for n in (3, 4)]])
def test_a_text_that_does_not_fit_into_memory_is_named(pairs):
    with pytest.raises(ModelError, match=r"memory ran out on a (text|prefix) of 20[01] tokens"):
        scored(SharedPrefix(out_of_memory_above(100)), pairs)


def test_it_stops_between_batches(model):
    found = {}
    passes = SharedPrefix(model, Limits(tokens=1))
    passes.score(Job([(text(n, 9), (1,)) for n in range(5)], found.__setitem__, lambda: len(found) >= 2))
    assert len(found) == 2


def test_nothing_is_no_work(model):
    passes = SharedPrefix(model)
    before = passes.tokens_computed
    assert scored(passes, []) == []
    assert passes.tokens_computed == before


def test_a_short_prefix_is_not_kept(model):
    passes = SharedPrefix(model)
    scored(passes, [((*text(1, 40), n), (5,)) for n in range(1, 9)])
    assert len(passes._kept.ids) < WORTH_TOKENS
