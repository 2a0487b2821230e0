"""A loopback server with a small language model that can be checked by hand, for tests of scoring over HTTP.

A token is a word with its leading blank, or a single other character. Its log-probability is -1 when the same token
occurred before, and -5 otherwise, so a repeated sentence is likelier. The model is asked as vLLM is (`/tokenize`,
`prompt_logprobs`) or by `echo`. What a server may do wrong is chosen by name:

    with ScoringServer("zeros") as server:
        ...  # talk to server.base_url
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = re.compile(r" ?\w+|.", re.DOTALL)
NEW, SEEN = -5.0, -1.0
START = "<s>"


class ScoringServer:
    """Serves from threads until the block ends."""

    def __init__(self, fault: str = "", *, starts: bool = False, failures: int = 0) -> None:
        """Faults: zeros, short, ignored, nulls, respelled; `starts` puts a special token before each text.

        The first `failures` completions are answered with status 500.
        """
        self.fault = fault
        self.starts = starts
        self.failures = failures
        self.bodies: list[dict[str, Any]] = []
        self._vocabulary = [START]
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def base_url(self) -> str:
        """What a client calls `api_base`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> ScoringServer:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def tokenize(self, text: str) -> list[int]:
        """Token ids; a new word gets the next one."""
        with self._lock:
            words = [*([START] if self.starts else []), *TOKEN.findall(text)]
            self._vocabulary += dict.fromkeys(word for word in words if word not in self._vocabulary)
            return [self._vocabulary.index(word) for word in words]

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """One choice in the form that was asked for."""
        prompt = body["prompt"]
        ids = self.tokenize(prompt) if isinstance(prompt, str) else prompt
        logprobs: list[float | None] = [SEEN if id_ in ids[:n] else NEW for n, id_ in enumerate(ids)]
        logprobs[0] = None
        if self.fault == "zeros":
            logprobs = [None, *[0.0] * (len(ids) - 1)]
        if self.fault == "nulls":
            logprobs[len(ids) // 2 :] = [None] * (len(ids) - len(ids) // 2)
        if self.fault == "short":
            ids, logprobs = ids[-3:], logprobs[-3:]
        if self.fault == "ignored":
            return {}
        if body.get("echo"):
            words = [self._vocabulary[id_] for id_ in ids]
            words = [word.upper() for word in words] if self.fault == "respelled" else words
            return {"logprobs": {"tokens": [*words, " end"], "token_logprobs": [*logprobs, -0.5]}}
        shown = [
            None if each is None else {str(id_): {"logprob": each, "rank": 1}, "7777": {"logprob": -0.1, "rank": 1}}
            for id_, each in zip(ids, logprobs, strict=True)
        ]
        return {"prompt_logprobs": shown}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = server.answer(self.path, body)
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        return Handler

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for a request."""
        if path == "/tokenize":
            return 200, {"tokens": self.tokenize(body["prompt"])}
        with self._lock:
            self.bodies.append(body)
            failing = len(self.bodies) <= self.failures
        if path != "/v1/completions" or failing:
            return (500, {"error": {"message": "scripted fault"}}) if failing else (404, {})
        choice = {"index": 0, "text": " end", "finish_reason": "length", "logprobs": None, **self.complete(body)}
        return 200, {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]}
