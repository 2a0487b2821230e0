"""Models of hosted providers and of Ollama, through LiteLLM, which knows each one's protocol.

One call is one HTTP request: LiteLLM's own retries, cache and telemetry are off, because the road has its own. Keys
come from the environment only, and no error repeats one.

    engine = Hosted("openai/gpt-4o")
    reply = await engine.complete(request)
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import anyio

from lm.base import Reply, Request, Usage
from lm.budget import Price
from lm.openai_form import (
    base_from_environment,
    cause_of_status,
    chat_fields,
    model_error,
    one_line,
    seconds_to_wait,
    timeout_error,
    unwrapped,
)
from workbench.errors import ModelError

NO_KEY = re.compile(r"missing (\w+ )?(api key|credentials)", re.IGNORECASE)
"""How LiteLLM's clients say that the environment holds no key; some of them call that a server error."""


class Hosted:
    """An engine that sends one chat completion per request to a provider."""

    def __init__(
        self, spec: str, *, timeout_s: float = 60.0, api_base: str | None = None, concurrency: int = 16
    ) -> None:
        """Load LiteLLM, which takes seconds; nothing is sent.

        Args:
            spec: LiteLLM's name of the model, `provider/model`.
            timeout_s: from sending a request to its whole answer.
            api_base: the server's address, when it is not the provider's own.
            concurrency: how many calls the server may get at once.
        """
        self.name = spec
        self.slots = concurrency
        self.copies = False
        self.timeout_s = timeout_s
        self.api_base = api_base or base_from_environment(spec)
        self._litellm = load_litellm()
        listed = _list_price(self._litellm.model_cost, spec)
        self._price = None if self.api_base else listed
        if listed is None:
            _skip_price_search(self._litellm.model_cost, spec)

    def price(self) -> Price | None:
        """The provider's list price, long contexts included; None for a server of one's own or an unlisted model."""
        return self._price

    async def complete(self, request: Request) -> Reply:
        """Answer one request with one HTTP call.

        A provider that cannot constrain its answers to the schema answers freely; the reader of the answer decides.

        Raises:
            ModelError: no answer; cause and retryability as the provider's status says.
        """
        started_s = time.monotonic()
        try:
            with anyio.fail_after(self.timeout_s):
                response = await self._litellm.acompletion(**self._arguments(request))
        except TimeoutError:
            raise timeout_error(self.name, self.timeout_s) from None
        except Exception as exc:  # noqa: BLE001 - the one place where LiteLLM's many errors become ours
            # Not chained: a provider's error may quote the key it refused.
            raise self._model_error(exc) from None
        return self._reply(request, response, time.monotonic() - started_s)

    async def aclose(self) -> None:
        """Close LiteLLM's connections, which all hosted engines of the process share; they reopen when needed."""
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()
        self._litellm.in_memory_llm_clients_cache.flush_cache()

    def _arguments(self, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self.name,
            **chat_fields(request),
            "drop_params": True,  # a provider without `seed` or schemas is still usable
            "num_retries": 0,
            "max_retries": 0,
            "timeout": 2 * self.timeout_s,  # the limit in `complete` is the one that counts
            "no-log": True,
        }
        if self.api_base:
            arguments["api_base"] = self.api_base
        return arguments

    def _reply(self, request: Request, response: Any, latency_s: float) -> Reply:
        choice = response.choices[0]
        counted = getattr(response, "usage", None)
        usage = Usage(getattr(counted, "prompt_tokens", None), getattr(counted, "completion_tokens", None))
        if self._price is not None:
            cost_usd = response._hidden_params.get("response_cost") or self._price.cost_usd(usage)
            usage = Usage(usage.prompt_tokens, usage.completion_tokens, cost_usd)
        return Reply(
            text=unwrapped(request.schema, choice.message.content or ""),
            usage=usage,
            finish_reason=choice.finish_reason or "stop",
            latency_s=latency_s,
            model=response.model or self.name,
        )

    def _model_error(self, exc: Exception) -> ModelError:
        said = one_line(str(exc), type(exc).__name__)
        return model_error(self.name, cause_of(self._litellm, exc), said, retry_after_s=retry_after_of(exc))


def known_providers() -> list[str]:
    """What may stand before the slash of a hosted model's name."""
    return sorted({str(getattr(provider, "value", provider)) for provider in load_litellm().provider_list})


def load_litellm() -> Any:
    """Import LiteLLM silent: no telemetry, no price list from the network, no banners."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.cache = None
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    return litellm


def _list_price(price_list: Mapping[str, Mapping[str, Any]], spec: str) -> Price | None:
    """Look up the price per token; a price of nothing is not a price."""
    provider, _, name = spec.partition("/")
    entry = price_list.get(spec) or price_list.get(name) or {}
    if not str(entry.get("litellm_provider", "")).startswith(provider):
        return None
    prompt, completion = _highest(entry, "input_cost_per_token"), _highest(entry, "output_cost_per_token")
    return Price(prompt, completion) if prompt or completion else None


def _highest(entry: Mapping[str, Any], field: str) -> float:
    """The dearest of the price tiers by context length, so that a budget that reserves it holds."""
    tiers = (value for key, value in entry.items() if key == field or re.fullmatch(rf"{field}_above_\w+_tokens", key))
    return max((float(value) for value in tiers if value), default=0.0)


def _skip_price_search(price_list: dict[str, dict[str, Any]], spec: str) -> None:
    """Put an entry where LiteLLM looks first, or it searches its whole price list on each call (a quarter of its time).

    The zeros never leave LiteLLM: a cost is reported for models with a list price only.
    """
    entry = {"litellm_provider": spec.partition("/")[0], "mode": "chat"}
    price_list.setdefault(spec, {**entry, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0})


def cause_of(litellm: Any, exc: Exception) -> str:
    """Classify by type where LiteLLM's type says more than the status, then by the HTTP status."""
    if isinstance(exc, litellm.Timeout):
        return "timeout"
    if NO_KEY.search(str(exc)):
        return "auth"
    if isinstance(exc, litellm.APIConnectionError) or _was_not_reached(exc):
        return "connection"
    status = getattr(exc, "status_code", None)
    return cause_of_status(status) if isinstance(status, int) else "request"


def _was_not_reached(exc: BaseException | None) -> bool:
    """Whether the network failed beneath the error; LiteLLM also reports that as a status of 500."""
    import httpx

    while exc is not None:
        if isinstance(exc, (OSError, httpx.TransportError)):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def retry_after_of(exc: Exception) -> float | None:
    """Seconds the provider asks to wait, wherever LiteLLM put its headers."""
    response = getattr(exc, "response", None)
    headers = getattr(exc, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    return seconds_to_wait(headers.get("retry-after") or headers.get("Retry-After"))
