"""The direct engine against a real vLLM server on a CPU; `make test-vllm` builds what it needs and runs it."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import anyio
import pytest

from lm.base import Message, Reply, Request
from lm.open import check_reachable, open_engine
from lm.retry import Retry
from lm.road import Road
from workbench.errors import ModelError

pytestmark = pytest.mark.vllm

FOLDER = Path(__file__).parent
START_S = 300.0
ONCE = Retry(attempts=1)
SCHEMA = {
    "type": "object",
    "properties": {"companies": {"type": "array", "items": {"type": "string"}, "maxItems": 3}},
    "required": ["companies"],
    "additionalProperties": False,
}


class Server:
    """A vLLM server process, with all its children in one process group."""

    def __init__(self, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.api_base = f"http://127.0.0.1:{self.port}/v1"
        command = [str(FOLDER / "serve.sh"), str(self.port)]
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=FOLDER.parents[1], stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_ready(self):
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s and self.process.poll() is None:
            try:
                check_reachable(self.open())
            except ModelError:
                time.sleep(0.5)
            else:
                return
        self.kill()
        pytest.fail(f"the vLLM server did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def open(self, **options):
        return open_engine("hosted_vllm/smollm2", api_base=self.api_base, **options)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("vllm") / "server.log")
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.kill()


def ask(text, **settings):
    return Request((Message("user", text),), **settings)


def complete_all(engine, requests, *, retry=ONCE, on_done=None):
    async def main():
        road = Road(engine, retry=retry)
        outcomes = await road.complete_all(requests, on_done=on_done)
        await road.aclose()
        return outcomes, road.ledger

    return anyio.run(main)


def test_completion(server):
    (reply,), _ = complete_all(server.open(), [ask("What is the capital of France?", max_tokens=20)])
    assert "Paris" in reply.text
    assert (reply.finish_reason, reply.model) == ("stop", "smollm2")
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.completion_tokens > 0
    assert reply.usage.cost_usd is None


def test_max_tokens_cuts_the_answer(server):
    (reply,), _ = complete_all(server.open(), [ask("Tell a story.", max_tokens=3)])
    assert (reply.finish_reason, reply.usage.completion_tokens) == ("length", 3)


def test_schema_constrains_every_answer(server):
    texts = ["Apple sues Acme Corp.", "It rained all day in Leeds.", "Write a poem, not JSON!"]
    requests = [ask(f"List the companies in: {text}", max_tokens=120, schema=SCHEMA) for text in texts]
    replies, _ = complete_all(server.open(), requests)
    for reply in replies:
        answer = json.loads(reply.text)
        assert set(answer) == {"companies"}
        assert len(answer["companies"]) <= 3


def test_concurrent_calls_come_back_in_order(server):
    requests = [ask(f"Repeat after me: number {number}", max_tokens=8, seed=number) for number in range(24)]
    alone, _ = complete_all(server.open(slots=1), requests[:2])
    replies, ledger = complete_all(server.open(slots=8), requests)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert ledger.calls == 24
    assert [reply.usage.prompt_tokens for reply in replies[:2]] == [reply.usage.prompt_tokens for reply in alone]


def test_time_out_is_missing_data(server):
    (error,), ledger = complete_all(server.open(timeout_s=0.5), [ask("Write a very long story.", max_tokens=1500)])
    assert isinstance(error, ModelError)
    assert (error.cause, error.retryable, ledger.failed) == ("timeout", True, 1)


@pytest.mark.parametrize(
    ("spec", "request_", "reason"),
    [
        ("hosted_vllm/other", ask("hello"), "does not exist"),
        ("hosted_vllm/smollm2", ask("word " * 3000), "token"),
    ],
    ids=["unknown model", "prompt too long"],
)
def test_a_wrong_request_is_said_once_and_not_retried(server, spec, request_, reason):
    engine = open_engine(spec, api_base=server.api_base)
    (error,), ledger = complete_all(engine, [request_], retry=Retry(attempts=3, base_s=0.0))
    assert isinstance(error, ModelError)
    assert (error.cause, ledger.calls) == ("request", 1)
    assert reason in str(error)


def test_a_server_killed_mid_run_leaves_missing_data_with_a_cause(server):
    """The last test: it takes the server down."""

    def kill_after_four(position, outcome):
        done.append(position)
        if len(done) == 4:
            server.kill()

    done = []
    requests = [ask(f"Count to {number}.", max_tokens=12, seed=number) for number in range(40)]
    outcomes, ledger = complete_all(
        server.open(slots=4), requests, retry=Retry(attempts=2, base_s=0.01), on_done=kill_after_four
    )
    answered = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    missing = [outcome for outcome in outcomes if isinstance(outcome, ModelError)]
    assert 4 <= len(answered) < 40
    assert len(answered) + len(missing) == 40
    assert ledger.failed == len(missing)
    assert {error.cause for error in missing} == {"connection"}
    assert all(reply.text for reply in answered)
    with pytest.raises(ModelError, match="no server answers"):
        check_reachable(server.open())
