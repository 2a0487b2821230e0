"""Scoring over HTTP: a vLLM server and an echoing one; servers that only seem to score are refused."""

import anyio
import pytest

from lm.open_scorer import open_scorer
from lm.retry import Retry
from lm.score_calls import Calls
from lm.score_echo import logprobs_of_y
from lm.score_vllm import VllmScores
from lm.scores import Item
from tests.lm.scoring_server import NEW, SEEN, ScoringServer
from workbench.errors import ModelError, UsageError

VLLM, ECHO = "hosted_vllm/m", "text-completion-openai/m"
each_spec = pytest.mark.parametrize("spec", [VLLM, ECHO])


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-of-anyone")


def score_on(server, spec, *items):
    """Open, probe, score, close."""

    async def main():
        scorer = await open_scorer(spec, api_base=server.base_url, timeout_s=20)
        try:
            return await scorer.score(items)
        finally:
            await scorer.aclose()

    return anyio.run(main)


@each_spec
@pytest.mark.parametrize("starts", [False, True], ids=["bare", "begins texts with a token"])
def test_all_tokens_of_y_are_scored(spec, starts):
    fee = Item("The fee is 12 euros.\n", "The fee is 15 euros.")
    with ScoringServer(starts=starts) as server:
        scores = score_on(server, spec, fee, Item("Note:", " ok"), Item("The fee", "s"))
    assert [each.logprobs for each in scores] == [(NEW, SEEN, SEEN, SEEN, NEW, SEEN, SEEN), (NEW,), (NEW,)]
    assert scores[0].n_bytes == len("\nThe fee is 15 euros.")


@each_spec
@pytest.mark.parametrize("fault", ["zeros", "short", "ignored", "nulls"])
def test_a_server_that_does_not_score_is_refused_when_it_is_opened(spec, fault):
    with ScoringServer(fault) as server, pytest.raises(ModelError) as caught:
        score_on(server, spec, Item("a", " b"))
    assert caught.value.cause == "request"
    assert spec in str(caught.value)
    assert len(server.bodies) <= 2


def test_an_echo_of_another_text_is_refused():
    with ScoringServer("respelled") as server, pytest.raises(ModelError, match="do not spell the prompt"):
        score_on(server, ECHO, Item("a", " b"))


@pytest.mark.parametrize(("spec", "starts"), [(VLLM, False), (ECHO, False), (ECHO, True)])
def test_a_text_without_context_is_refused_where_its_first_token_has_no_score(spec, starts):
    with ScoringServer(starts=starts) as server, pytest.raises(ModelError, match=r"give .* a"):
        score_on(server, spec, Item("", "Note"))


def test_a_text_without_context_follows_the_token_that_begins_texts():
    with ScoringServer(starts=True) as server:
        (one,) = score_on(server, VLLM, Item("", "Note"))
    assert one.logprobs == (NEW,)


def test_a_text_that_brings_the_first_token_gets_no_second_one():
    with ScoringServer(starts=True) as server:
        start = server.tokenize("")[0]
        engine = VllmScores(VLLM, api_base=server.base_url)
        server.tokenize = {"": [start], "<s>x": [start, start, 5], "<s>x y": [start, start, 5, 6]}.__getitem__
        (row,) = anyio.run(engine.encode, [Item("<s>x", " y")])
    assert (row.context, row.y) == ((start, 5), (6,))


@each_spec
def test_a_failure_that_may_pass_is_asked_again(spec):
    with ScoringServer(failures=2) as server:
        (one,) = score_on(server, spec, Item("a", " b"))
    assert one.logprobs == (NEW,)


@each_spec
def test_a_server_that_is_away_is_named(spec, monkeypatch):
    monkeypatch.setattr("lm.retry.Retry.delay_s", lambda *_: 0.0)
    with ScoringServer() as server:
        pass
    with pytest.raises(ModelError) as caught:
        score_on(server, spec, Item("a", " b"))
    assert caught.value.cause == "connection"
    assert "sk-none" not in str(caught.value)


def test_the_first_call_that_fails_ends_the_others():
    done = []

    async def fails():
        raise ModelError("no", cause="request")

    async def works():
        done.append(1)

    with pytest.raises(ModelError, match="no"):
        anyio.run(Calls(1, Retry(attempts=3)).run, [works, fails, works])
    assert done == [1]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "echoes 0 tokens"),
        ({"tokens": ["a", " b"], "token_logprobs": [None]}, "2 tokens with 1"),
        ({"tokens": [" c"], "token_logprobs": [-0.1]}, "do not spell"),
        ({"tokens": ["a b", " c"], "token_logprobs": [None, -0.1]}, "no log-probability"),
        ({"tokens": ["a", " b", " c"], "token_logprobs": [None, None, -0.1]}, "no log-probability"),
    ],
)
def test_an_echo_that_does_not_score_y_is_refused(given, reason):
    with pytest.raises(ValueError, match=reason):
        logprobs_of_y(given, "a", " b")


@pytest.mark.parametrize(
    ("spec", "given", "reason"),
    [
        ("gguf:model.gguf", {}, "cannot score"),
        ("nonsense", {}, "cannot score"),
        ("no_such_provider/m", {}, "no provider"),
        ("embedded", {"api_base": "http://127.0.0.1:1"}, "no api_base"),
        (VLLM, {"dtype": "float32"}, "its own precision"),
        (VLLM, {}, "has no address"),
        ("hf:./none", {"dtype": "float8"}, "give one of bfloat16"),
        ("hf:./none", {}, "there is no"),
    ],
)
def test_what_cannot_be_opened_is_said(spec, given, reason):
    with pytest.raises(UsageError, match=reason):
        anyio.run(lambda: open_scorer(spec, **given))
