"""A model in this process through `transformers`: `hf:PATH-or-ID`, and GGUF files, unpacked to bfloat16 on the CPU.

It is slower than `gguf:` and serves one call at a time; what it adds is any architecture that `transformers` knows.
A schema is not enforced: the model writes freely, and the reader of the answer decides whether it fits.

    engine = Local("hf:HuggingFaceTB/SmolLM2-135M-Instruct")
    reply = await engine.complete(request)
"""

from __future__ import annotations

import importlib.util
import threading
import time
from pathlib import Path
from typing import Any

import anyio.to_thread

from lm.base import Reply, Request, Usage
from lm.gguf import embedded_path
from lm.quiet import without_bars
from workbench.errors import MissingExtraError, ModelError, UsageError


class Local:
    """An engine that holds a causal language model in memory."""

    def __init__(self, spec: str) -> None:
        """Load the model, which takes seconds to minutes.

        Args:
            spec: `hf:` and a model's folder, a GGUF file, `embedded`, or a name on the hub.

        Raises:
            UsageError: no model is there.
            MissingExtraError: torch, transformers or gguf is missing.
        """
        self.name = spec
        self.slots = 1
        self.copies = False
        self._one_at_a_time = threading.Lock()  # the model and torch's random state serve one call at a time
        self._model, self._tokenizer = load_causal_lm(spec)

    async def complete(self, request: Request) -> Reply:
        """Answer one request in a worker thread: greedy at temperature 0, else sampled with its seed.

        Raises:
            ModelError: prompt and answer do not fit into the model's context, or generation failed.
        """
        return await anyio.to_thread.run_sync(self._answer, request)

    async def aclose(self) -> None:
        """Let go of the weights."""
        self._model = self._tokenizer = None

    def _answer(self, request: Request) -> Reply:
        started_s = time.monotonic()
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        with self._one_at_a_time:
            try:
                inputs = self._tokenizer.apply_chat_template(
                    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
                )
                self._refuse_beyond_context(inputs["input_ids"].shape[1], request.max_tokens)
                tokens = self._generate(inputs, request)
            except (RuntimeError, ValueError) as exc:
                raise ModelError(f"{self.name!r} failed: {exc}; check the model's files", cause="server") from exc
        return self._reply(inputs["input_ids"].shape[1], tokens, request, time.monotonic() - started_s)

    def _refuse_beyond_context(self, prompt_tokens: int, max_tokens: int) -> None:
        context = getattr(self._model.config, "max_position_embeddings", None)
        if context is not None and prompt_tokens + max_tokens > context:
            raise ModelError(
                f"{self.name!r} has a context of {context} tokens; the prompt has {prompt_tokens} and max_tokens is"
                f" {max_tokens}; shorten the prompt or lower max_tokens",
                cause="request",
            )

    def _generate(self, inputs: Any, request: Request) -> list[int]:
        """Token ids of the answer, an end-of-sequence token included."""
        import torch

        sampled = request.temperature > 0
        settings: dict[str, Any] = {"max_new_tokens": request.max_tokens, "do_sample": sampled}
        if sampled:
            settings |= {"temperature": request.temperature, "top_p": 1.0, "top_k": 0}
        if request.stop:
            settings |= {"stop_strings": list(request.stop), "tokenizer": self._tokenizer}
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed)
            output = self._model.generate(**inputs, **settings)
        tokens: list[int] = output[0, inputs["input_ids"].shape[1] :].tolist()
        return tokens

    def _reply(self, prompt_tokens: int, tokens: list[int], request: Request, latency_s: float) -> Reply:
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        cut = min((text.find(stop) for stop in request.stop if stop in text), default=-1)
        ended = cut >= 0 or tokens[-1:] == [self._tokenizer.eos_token_id]
        return Reply(
            text=text[:cut] if cut >= 0 else text,
            usage=Usage(prompt_tokens, len(tokens)),
            finish_reason="stop" if ended or len(tokens) < request.max_tokens else "length",
            latency_s=latency_s,
            model=self.name,
        )


def load_causal_lm(spec: str, dtype: str = "bfloat16") -> tuple[Any, Any]:
    """Model and tokenizer, on the CPU.

    Args:
        spec: as for `Local`.
        dtype: precision of the weights, as torch names it.

    Raises:
        UsageError: no model is there.
        MissingExtraError: torch, transformers or gguf is missing.
    """
    source = spec.removeprefix("hf:")
    if source == "embedded":
        source = str(embedded_path())
    path = Path(source)
    is_gguf = path.suffix == ".gguf"
    if not path.exists() and (is_gguf or source.startswith((".", "/", "~"))):
        raise UsageError(f"{spec!r}: there is no {source!r}; give a model's folder, a GGUF file or a name on the hub")
    for package in ("torch", "transformers", *(("gguf",) if is_gguf else ())):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "local")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, file = (str(path.parent), {"gguf_file": path.name}) if is_gguf else (source, {})
    try:
        with without_bars():
            weights = {"dtype": getattr(torch, dtype), **file, **_unpacked(is_gguf)}
            model = AutoModelForCausalLM.from_pretrained(where, **weights)
            tokenizer = AutoTokenizer.from_pretrained(where, **file)
    except (OSError, ValueError) as exc:
        reason = str(exc).partition("\n")[0]
        raise UsageError(f"{spec!r} cannot be loaded: {reason}; give a causal language model's folder or name") from exc
    return model.eval(), tokenizer


def _unpacked(is_gguf: bool) -> dict[str, Any]:
    """Ask for plain weights; releases of transformers without this setting always unpack."""
    import transformers

    if not is_gguf or not hasattr(transformers, "GgufConfig"):
        return {}
    return {"quantization_config": transformers.GgufConfig(dequantize=True)}
