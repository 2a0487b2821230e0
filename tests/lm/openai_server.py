"""A loopback server that speaks the OpenAI chat protocol, for tests and benchmarks of the client side.

It counts what arrives, answers after a scripted latency and injects scripted faults, so that a test can compare what
a client believes it did with what the server saw. An answer depends on the messages only: the first 8 hexadecimal
digits of their SHA-256, or `{"answer": ...}` around them when the request asks for JSON, or what an answer script makes
of the request.

    with OpenAIServer(latency_s=0.05, fault=fault_share(0.2)) as server:
        ...                      # talk to server.base_url
        server.counts["served"]  # how many answers went out

As a process of its own: `python openai_server.py --latency 0.2`; the first line it writes is its base URL, and
`GET /stats` returns its counts, `GET /arrivals` the time and the digest of every request.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HANG_S = 3600.0
"""How long a `hang` lasts: longer than any client waits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted failure: an HTTP status, or 0 for a request that is never answered."""

    status: int
    retry_after_s: float | None = None
    message: str = "scripted fault"


FaultScript = Callable[[str, int], Fault | None]
"""Fault for a request digest and its attempt (0, 1, ...), or None to answer."""

AnswerScript = Callable[[dict[str, Any]], str]
"""What the model writes, given the body of a request."""

PHRASE = re.compile(r"[A-Z][\w&'-]*(?: [A-Z][\w&'-]*)*")
"""Words in capitals that stand together: what may be a name."""


def request_digest(body: dict[str, Any]) -> str:
    """Hash the messages, so that a retry is seen as the same request."""
    return hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()


def fault_share(share: float, *, retry_after_s: float = 0.1) -> FaultScript:
    """Fail this share of attempts, evenly 429, 500 and hang, decided by the request's digest and its attempt."""

    def script(digest: str, attempt: int) -> Fault | None:
        draw = int(hashlib.sha256(f"{digest}:{attempt}".encode()).hexdigest()[:8], 16) / 2**32
        if draw >= share:
            return None
        kind = int(3 * draw / share)
        return (Fault(429, retry_after_s), Fault(500), Fault(0))[kind]

    return script


def pick_phrases(body: dict[str, Any]) -> str:
    """Answer a JSON list of names from the last message; all messages decide which, and more turns find more."""
    digest = request_digest(body)
    bound = min(240, 64 + 16 * len(body["messages"]))
    phrases = dict.fromkeys(PHRASE.findall(body["messages"][-1]["content"]))
    return json.dumps([each for each in phrases if hashlib.sha256(f"{digest}:{each}".encode()).digest()[0] < bound])


class OpenAIServer:
    """Serve chat completions on a loopback port from a thread of its own."""

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        fault: FaultScript | None = None,
        models: bool = True,
        answer: AnswerScript | None = None,
    ) -> None:
        """With `models=False` the server has no `GET /v1/models`; without `answer` it answers with the digest."""
        self.latency_s = latency_s
        self.fault = fault
        self.models = models
        self.answer = answer
        self.arrivals: list[tuple[float, str]] = []
        """Monotonic time in seconds and digest of every request, in order."""
        self.counts: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = 0
        self.port = 0
        self._attempts: Counter[str] = Counter()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def base_url(self) -> str:
        """What a client calls `api_base`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection, as a killed server does."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for writer in self._open:
            writer.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while request := await _read_request(reader):
                status, headers, payload = await self._respond(*request)
                writer.write(_render(status, headers, payload))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _respond(
        self, path: str, headers: dict[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        if path.endswith("/stats"):
            return 200, {}, dict(self.counts)
        if path.endswith("/arrivals"):
            return 200, {}, {"arrivals": self.arrivals}
        if path.endswith("/models"):
            self.counts["models"] += 1
            return (200, {}, {"object": "list", "data": []}) if self.models else (404, {}, {})
        self.in_flight += 1
        self.counts["requests"] += 1
        self.counts["max_in_flight"] = max(self.counts["max_in_flight"], self.in_flight)
        try:
            return await self._complete(headers, json.loads(raw))
        finally:
            self.in_flight -= 1

    async def _complete(
        self, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        self.bodies.append(body)
        self.headers.append(headers)
        digest = request_digest(body)
        self.arrivals.append((time.monotonic(), digest))
        attempt = self._attempts[digest]
        self._attempts[digest] += 1
        fault = self.fault(digest, attempt) if self.fault else None
        if fault is not None:
            self.counts[str(fault.status or "hang")] += 1
            await asyncio.sleep(0 if fault.status else HANG_S)
            wait = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            return fault.status, wait, {"error": {"message": fault.message, "type": "scripted"}}
        await asyncio.sleep(self.latency_s)
        self.counts["served"] += 1
        return 200, {}, _completion(body, digest[:8], self.answer)


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    """Path, headers (lower case) and body of the next request; None when the client has closed."""
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", 0)))


def _render(status: int, headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    body = json.dumps(payload).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} scripted\r\n{head}\r\n".encode() + body


def _completion(body: dict[str, Any], answer: str, script: AnswerScript | None) -> dict[str, Any]:
    text = json.dumps({"answer": answer}) if body.get("response_format") else answer
    text = script(body) if script else text
    prompt_tokens = sum(len(str(message["content"]).split()) for message in body["messages"])
    return {
        "id": f"chatcmpl-{answer}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 1, "total_tokens": prompt_tokens + 1},
    }


def main() -> None:
    """Serve until standard input closes, so that no server outlives the process that started it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--faults", type=float, default=0.0, help="share of attempts that fail")
    parser.add_argument("--phrases", action="store_true", help="answer with names from the last message")
    args = parser.parse_args()
    fault, answer = fault_share(args.faults) if args.faults else None, pick_phrases if args.phrases else None
    with OpenAIServer(latency_s=args.latency, fault=fault, answer=answer) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
