"""The engines behind HTTP: what both promise is tested on both, LiteLLM's own part on `Hosted` alone."""

from dataclasses import replace

import anyio
import pytest

from lm.base import Message, Reply, Request
from lm.budget import Price
from lm.hosted import Hosted, known_providers
from lm.retry import Retry
from lm.road import Road
from lm.server import Server
from tests.lm.openai_server import Fault, OpenAIServer
from workbench.errors import ModelError

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "additionalProperties": False}
KEY = "sk-test-0123456789abcdef"

on_both = pytest.mark.parametrize("open_", [Hosted, Server])


def ask(text="hello", **settings):
    return Request((Message("system", "Be brief."), Message("user", text)), **settings)


def complete(engine, *requests):
    """All replies or errors, in order, in one event loop that is cleaned up."""

    async def main():
        outcomes = []
        for request in requests:
            try:
                outcomes.append(await engine.complete(request))
            except ModelError as error:
                outcomes.append(error)
        await engine.aclose()
        return outcomes

    return anyio.run(main)


def fail(open_, fault, *, spec="hosted_vllm/m", timeout_s=30.0):
    with OpenAIServer(fault=lambda digest, attempt: fault) as server:
        (error,) = complete(open_(spec, api_base=server.base_url, timeout_s=timeout_s), ask())
    assert isinstance(error, ModelError)
    assert "\n" not in str(error)
    return error, server


@on_both
@pytest.mark.parametrize("spec", ["hosted_vllm/m", "openai/m"])
def test_engine_sends_the_whole_request(open_, spec, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIServer() as server:
        engine = open_(spec, api_base=server.base_url)
        (reply,) = complete(engine, ask(max_tokens=7, temperature=0.5, seed=3, stop=("END",), schema=SCHEMA))
    (body,) = server.bodies
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    assert (body["max_tokens"], body["temperature"], body["seed"], body["stop"]) == (7, 0.5, 3, ["END"])
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    assert reply.text.startswith('{"answer":')
    assert (reply.finish_reason, reply.model, reply.cached) == ("stop", "m", False)
    assert reply.usage.prompt_tokens == 3
    assert reply.latency_s is not None


@on_both
def test_engine_sends_no_schema_and_no_stop_when_none_is_asked(open_):
    with OpenAIServer() as server:
        complete(open_("hosted_vllm/m", api_base=server.base_url), ask())
    assert not {"response_format", "stop"} & set(server.bodies[0])


@on_both
def test_engine_calls_an_open_schema_not_strict(open_):
    with OpenAIServer() as server:
        complete(open_("hosted_vllm/m", api_base=server.base_url), ask(schema={"type": "object"}))
    assert server.bodies[0]["response_format"]["json_schema"]["strict"] is False


@on_both
@pytest.mark.parametrize(
    ("fault", "cause", "retryable", "retry_after_s"),
    [
        (Fault(429, 0.25), "rate_limit", True, 0.25),
        (Fault(429), "rate_limit", True, None),
        (Fault(500), "server", True, None),
        (Fault(503, 3), "server", True, 3.0),
        (Fault(401), "auth", False, None),
        (Fault(403), "auth", False, None),
        (Fault(400), "request", False, None),
        (Fault(404), "request", False, None),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Fault) else None,
)
@pytest.mark.parametrize("spec", ["hosted_vllm/m", "openai/m"])
def test_engine_maps_statuses_to_causes_and_does_not_retry(
    open_, spec, fault, cause, retryable, retry_after_s, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    error, server = fail(open_, fault, spec=spec)
    assert (error.cause, error.retryable, error.retry_after_s) == (cause, retryable, retry_after_s)
    assert server.counts["requests"] == 1
    assert "scripted fault;" in str(error)


@on_both
def test_engine_reads_an_http_date_in_retry_after(open_):
    error, _ = fail(open_, Fault(429, "Wed, 21 Oct 2015 07:28:00 GMT"))
    assert error.retry_after_s == 0.0


@on_both
def test_engine_gives_up_on_a_server_that_hangs(open_):
    error, server = fail(open_, Fault(0), timeout_s=0.3)
    assert (error.cause, error.retryable) == ("timeout", True)
    assert "0.3 s" in str(error)
    assert server.counts["requests"] == 1


@on_both
def test_engine_says_that_a_server_is_down(open_):
    with OpenAIServer() as server:
        api_base = server.base_url
    (error,) = complete(open_("hosted_vllm/m", api_base=api_base), ask())
    assert (error.cause, error.retryable) == ("connection", True)
    assert "start the server" in str(error)


@on_both
def test_engine_reports_a_server_that_dies_mid_call_as_missing_data(open_):
    with OpenAIServer(latency_s=30) as server:
        engine = open_("hosted_vllm/m", api_base=server.base_url)

        async def main():
            async with anyio.create_task_group() as group:
                group.start_soon(kill)
                with pytest.raises(ModelError) as caught:
                    await engine.complete(ask())
            await engine.aclose()
            return caught.value

        async def kill():
            while not server.in_flight:
                await anyio.sleep(0.01)
            await anyio.to_thread.run_sync(server.stop)

        error = anyio.run(main)
    assert (error.cause, error.retryable) == ("connection", True)


@on_both
def test_engine_never_repeats_a_key(open_, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    echo = Fault(401, None, f"Incorrect API key provided: {KEY}. Not sk-test-01****cdef.")
    error, server = fail(open_, echo, spec="openai/m")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "Incorrect API key provided: ***" in str(error)
    assert "sk-" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("spec", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"])
def test_hosted_without_a_key_says_so(spec):
    (error,) = complete(Hosted(spec), ask())
    assert error.cause == "auth"
    assert "environment" in str(error)


def test_price_is_known_for_listed_models_only():
    price = Hosted("openai/gpt-4o").price()
    assert isinstance(price, Price)
    assert 0 < price.prompt_usd_per_token < price.completion_usd_per_token
    assert Hosted("openai/no-such-model").price() is None
    assert Hosted("hosted_vllm/m").price() is None
    assert Hosted("openai/gpt-4o", api_base="http://127.0.0.1:1/v1").price() is None


def test_price_is_that_of_the_longest_context():
    price = Hosted("gemini/gemini-2.5-pro").price()
    entry = Hosted("gemini/gemini-2.5-pro")._litellm.model_cost["gemini/gemini-2.5-pro"]
    assert price.prompt_usd_per_token == entry["input_cost_per_token_above_200k_tokens"]
    assert price.prompt_usd_per_token > entry["input_cost_per_token"]


@on_both
def test_cost_of_an_unpriced_server_is_unknown_and_not_zero(open_):
    with OpenAIServer() as server:
        (reply,) = complete(open_("hosted_vllm/m", api_base=server.base_url), ask())
    assert reply.usage.cost_usd is None


def test_cost_of_a_listed_model_follows_its_price(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIServer() as server:
        engine = Hosted("openai/gpt-4o")
        price = engine.price()
        engine.api_base = server.base_url
        (reply,) = complete(engine, ask())
    assert reply.usage.cost_usd == pytest.approx(3 * price.prompt_usd_per_token + price.completion_usd_per_token)


def test_api_base_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", "http://127.0.0.1:9/v1")
    assert Hosted("hosted_vllm/m").api_base == "http://127.0.0.1:9/v1"


def test_known_providers_are_litellms():
    assert {"openai", "anthropic", "hosted_vllm", "ollama"} <= set(known_providers())


@on_both
def test_engine_survives_a_second_event_loop(open_):
    with OpenAIServer() as server:
        engine = open_("hosted_vllm/m", api_base=server.base_url)
        replies = complete(engine, ask("a")) + complete(engine, ask("b"))
    assert [type(reply) for reply in replies] == [Reply, Reply]


@on_both
def test_road_retries_a_server_and_honours_retry_after(open_):
    script = [Fault(429, 0.01), Fault(500)]
    with OpenAIServer(fault=lambda digest, attempt: script[attempt] if attempt < len(script) else None) as server:

        async def main():
            road = Road(open_("hosted_vllm/m", api_base=server.base_url), retry=Retry(attempts=3, base_s=0.01))
            reply = await road.complete(ask())
            await road.aclose()
            return reply

        assert anyio.run(main).text
    assert (server.counts["429"], server.counts["500"], server.counts["served"]) == (1, 1, 1)


@on_both
def test_engine_keeps_to_its_concurrency(open_):
    with OpenAIServer(latency_s=0.02) as server:

        async def main():
            road = Road(open_("hosted_vllm/m", api_base=server.base_url, concurrency=3))
            await road.complete_all([ask(str(number)) for number in range(12)])
            await road.aclose()

        anyio.run(main)
    assert server.counts["max_in_flight"] == 3


@on_both
def test_engine_asks_for_a_list_inside_an_object_and_takes_it_out_again(open_):
    schema = {"type": "array", "items": {"type": "string"}}
    with OpenAIServer(answer=lambda body: '{"answer": ["é"]}') as server:
        (reply,) = complete(open_("hosted_vllm/m", api_base=server.base_url), ask(schema=schema))
    assert server.bodies[0]["response_format"]["json_schema"]["schema"]["properties"] == {"answer": schema}
    assert reply.text == '["é"]'


@on_both
def test_engine_lets_a_cancellation_through(open_):
    with OpenAIServer(latency_s=30) as server:

        async def main():
            engine = open_("hosted_vllm/m", api_base=server.base_url)
            with anyio.move_on_after(0.2) as scope:
                await engine.complete(ask())
            await engine.aclose()
            return scope.cancelled_caught

        assert anyio.run(main)


@pytest.mark.parametrize("address", ["{}/", "{}/chat/completions"])
@on_both
def test_engine_understands_an_address_however_it_ends(open_, address):
    with OpenAIServer() as server:
        (reply,) = complete(open_("hosted_vllm/m", api_base=address.format(server.base_url)), ask())
    assert isinstance(reply, Reply)


@pytest.mark.parametrize(
    "settings",
    [{}, {"schema": SCHEMA, "stop": ("a", "b")}, {"schema": {"type": "array", "items": {"x-copied-from": "text"}}}],
    ids=["plain", "closed schema", "list"],
)
def test_both_engines_send_the_same_body_and_read_the_same_answer(settings):
    with OpenAIServer() as server:
        replies = [
            complete(open_("hosted_vllm/org/m", api_base=server.base_url), ask("é 😀", **settings))[0]
            for open_ in (Hosted, Server)
        ]
    assert server.bodies[0] == server.bodies[1]
    assert replace(replies[0], latency_s=None) == replace(replies[1], latency_s=None)


@pytest.mark.parametrize(
    "fault", [Fault(status, 2, "The model `x` does not exist.") for status in (400, 401, 429, 503)]
)
def test_both_engines_give_the_same_error(fault):
    first, second = (fail(open_, fault)[0] for open_ in (Hosted, Server))
    assert str(first) == str(second)
    assert (first.cause, first.retryable, first.retry_after_s) == (second.cause, second.retryable, second.retry_after_s)
