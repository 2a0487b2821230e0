"""A server of one's own that speaks OpenAI's chat form (vLLM, llama.cpp, SGLang, a gateway), without a library between.

One call is one POST on a connection that is kept. It costs a fraction of LiteLLM's processor time, which at high
concurrency is what the calls wait for (`docs/decisions/0005-direct-server.md`). Keys come from the environment only,
and no error repeats one.

    engine = Server("hosted_vllm/smollm2", api_base="http://127.0.0.1:8000/v1")
    reply = await engine.complete(request)
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
from pydantic import BaseModel, Field

from lm.base import Reply, Request, Usage
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
from workbench.errors import UsageError

if TYPE_CHECKING:
    import aiohttp

ENDPOINT = "/chat/completions"
IDLE_S = 4.0
"""How long an unused connection is kept: less than the 5 s after which uvicorn, and so vLLM, closes it. A POST on a
connection that the server is closing is lost."""


class Server:
    """An engine that posts one chat completion per request to a given address."""

    def __init__(
        self, spec: str, *, timeout_s: float = 60.0, api_base: str | None = None, concurrency: int = 16
    ) -> None:
        """Load the HTTP client; nothing is sent.

        Args:
            spec: `provider/model`; the provider only names the environment variables of the key and the address.
            timeout_s: from sending a request to its whole answer.
            api_base: the server's address, when it is not in the environment.
            concurrency: how many calls the server may get at once.

        Raises:
            UsageError: there is no address.
        """
        import aiohttp  # noqa: F401 - here, so that no call's time limit pays for it

        base = api_base or base_from_environment(spec)
        provider, _, self._model = spec.partition("/")
        if base is None:
            raise UsageError(f"{spec!r} has no address; give it with --api-base or {provider.upper()}_API_BASE")
        self.name = spec
        self.slots = concurrency
        self.copies = False
        self.timeout_s = timeout_s
        self.api_base = base
        self._key_name = f"{provider.upper()}_API_KEY"
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        """Connections belong to the event loop that opened them."""

    def price(self) -> None:
        """What a server of one's own costs is not known."""
        return None

    async def complete(self, request: Request) -> Reply:
        """Answer one request with one HTTP call.

        A server that cannot constrain its answers to the schema answers freely; the reader of the answer decides.

        Raises:
            ModelError: no answer; cause and retryability as the server's status says.
        """
        import aiohttp

        started_s = time.monotonic()
        try:
            with anyio.fail_after(self.timeout_s):
                status, retry_after, body = await self._post({"model": self._model, **chat_fields(request)})
        except TimeoutError:
            raise timeout_error(self.name, self.timeout_s) from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:  # ValueError: what is given cannot be an address
            raise model_error(self.name, "connection", one_line(str(exc), type(exc).__name__)) from None
        if status != 200:
            said = one_line(body.decode(errors="replace"), f"status {status}")
            raise model_error(self.name, cause_of_status(status), said, retry_after_s=seconds_to_wait(retry_after))
        return self._reply(request, body, time.monotonic() - started_s)

    async def aclose(self) -> None:
        """Close the connections of this event loop; they reopen when needed."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def _post(self, body: dict[str, Any]) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and body of the answer."""
        key = os.environ.get(self._key_name, "").strip()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self._session().post(self._url(), json=body, headers=headers) as response:
            return response.status, response.headers.get("Retry-After"), await response.read()

    def _url(self) -> str:
        """Where to post; an address that already names the endpoint, or no scheme, is understood."""
        base = self.api_base.rstrip("/").removesuffix(ENDPOINT)
        return (base if "//" in base else f"http://{base}") + ENDPOINT

    def _session(self) -> aiohttp.ClientSession:
        """The running loop's session; its calls are limited by the road and timed by `complete`, not here."""
        import aiohttp

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            for ended in [each for each in self._sessions if each.is_closed()]:
                del self._sessions[ended]
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
                timeout=aiohttp.ClientTimeout(),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=_proxy(self._url()),
            )
        return session

    def _reply(self, request: Request, body: bytes, latency_s: float) -> Reply:
        try:
            answer = _Completion.model_validate_json(body)
        except ValueError:
            said = "its answer is no chat completion: " + one_line(body.decode(errors="replace"), "it is empty")
            raise model_error(self.name, "server", said) from None
        choice = answer.choices[0]
        return Reply(
            text=unwrapped(request.schema, choice.message.content or ""),
            usage=Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens) if answer.usage else Usage(),
            finish_reason=choice.finish_reason or "stop",
            latency_s=latency_s,
            model=answer.model or self.name,
        )


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    """What is read of an answer; servers add much else."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    model: str | None = None


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address; looked up once, for it takes longer than a call."""
    address = urlsplit(url)
    return None if proxy_bypass(address.hostname or "") else getproxies().get(address.scheme)
