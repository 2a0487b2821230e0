"""What the direct engine does by itself; what it shares with LiteLLM's is in `test_hosted.py`."""

import json
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import pytest

from lm.base import Message, Request
from lm.server import Server
from tests.lm.openai_server import Fault, OpenAIServer
from workbench.errors import ModelError


def ask(text="hello"):
    return Request((Message("user", text),))


def complete(engine):
    """One reply, in an event loop that is cleaned up."""

    async def main():
        try:
            return await engine.complete(ask())
        finally:
            await engine.aclose()

    return anyio.run(main)


@asynccontextmanager
async def answering(payload, status="200 OK"):
    """A server with one scripted answer; yields its address and the list of its connections."""
    connections = []

    async def serve(stream):
        connections.append(stream)
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            await stream.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload)
            await anyio.sleep(0.05)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/v1"
        group.cancel_scope.cancel()
    await listener.aclose()


def complete_with(payload, **given):
    """The reply or the error when a server answers `payload`."""

    async def main():
        async with answering(payload, **given) as api_base:
            engine = Server("hosted_vllm/m", api_base=api_base)
            try:
                return await engine.complete(ask())
            except ModelError as error:
                return error
            finally:
                await engine.aclose()

    return anyio.run(main)


def test_server_reads_an_answer_that_holds_the_least_it_may():
    reply = complete_with(json.dumps({"choices": [{"message": {"content": None}}]}).encode())
    assert (reply.text, reply.finish_reason, reply.model) == ("", "stop", "hosted_vllm/m")
    assert (reply.usage.prompt_tokens, reply.usage.cost_usd) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [b"", b"<html>Welcome</html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": 1}}]}', b"\xff"],
)
def test_server_takes_anything_but_a_completion_for_missing_data(payload):
    error = complete_with(payload)
    assert (error.cause, error.retryable) == ("server", True)
    assert "no chat completion" in str(error)


def test_server_names_a_status_without_words():
    error = complete_with(b"", status="502 Bad Gateway")
    assert (error.cause, str(error)) == ("server", "'hosted_vllm/m': status 502; try again later")


def test_server_without_a_key_sends_none(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-provider")
    with OpenAIServer() as server:
        complete(Server("hosted_vllm/m", api_base=server.base_url))
    assert "authorization" not in server.headers[0]


def test_server_takes_its_key_from_the_environment(monkeypatch):
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", "sk-own\n")
    with OpenAIServer() as server:
        complete(Server("hosted_vllm/m", api_base=server.base_url))
    assert server.headers[0]["authorization"] == "Bearer sk-own"


@pytest.mark.parametrize("api_base", ["http://[::1", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999/v1", "http://a:b@c"])
def test_server_says_that_an_address_is_none(api_base, monkeypatch):
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", "sk-own")
    with pytest.raises(ModelError, match="check its address"):
        complete(Server("hosted_vllm/m", api_base=api_base))


def test_server_understands_an_address_without_a_scheme():
    with OpenAIServer() as server:
        engine = Server("hosted_vllm/m", api_base=server.base_url.removeprefix("http://"))
        assert complete(engine).text


def test_server_keeps_a_connection_for_the_next_call_and_opens_no_more_than_it_needs():
    with OpenAIServer(latency_s=0.02) as server:

        async def main():
            engine = Server("hosted_vllm/m", api_base=server.base_url)
            for _ in range(3):
                async with anyio.create_task_group() as group:
                    for number in range(8):
                        group.start_soon(engine.complete, ask(str(number)))
            opened = len(server._open)
            await engine.aclose()
            return opened

        assert anyio.run(main) == 8


def test_server_reopens_after_it_was_closed():
    with OpenAIServer() as server:

        async def main():
            engine = Server("hosted_vllm/m", api_base=server.base_url)
            await engine.aclose()
            for _ in range(2):
                await engine.complete(ask())
                await engine.aclose()

        anyio.run(main)
    assert server.counts["served"] == 2


def test_server_frees_its_place_when_a_call_is_cancelled():
    with OpenAIServer(fault=lambda digest, attempt: None if attempt else Fault(0)) as server:

        async def main():
            engine = Server("hosted_vllm/m", api_base=server.base_url)
            with anyio.move_on_after(0.1):
                await engine.complete(ask())
            reply = await engine.complete(ask())
            await engine.aclose()
            return reply

        assert anyio.run(main).text


def test_opening_a_server_does_not_load_litellm():
    program = (
        "import sys; from lm.open import open_engine; open_engine('hosted_vllm/m', api_base='http://127.0.0.1:9');"
        " sys.exit('litellm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
