"""Calls to a server that scores: many at once up to a limit, asked again where that may help.

calls = Calls(concurrency=8)
answers = await calls.run([partial(post, "/completions", body) for body in bodies])
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio

from lm.openai_form import cause_of_status, model_error, one_line, seconds_to_wait, timeout_error
from lm.retry import Retry
from workbench.errors import ModelError

T = TypeVar("T")


class Calls:
    """Runs calls side by side; the first that fails for good ends the others."""

    def __init__(self, concurrency: int, retry: Retry | None = None) -> None:
        """Allow so many calls at once, each asked again as `retry` says."""
        self._concurrency = concurrency
        self._retry = retry or Retry()
        self._rng = random.Random(0)

    async def run(self, calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Results in the order of the calls.

        Raises:
            ModelError: that of the first call that failed for good.
        """
        results: dict[int, T] = {}
        failures: list[ModelError] = []
        queue = iter(enumerate(calls))

        async def work() -> None:
            for position, call in queue:
                try:
                    results[position] = await self._retry.run(call, sleep=anyio.sleep, rng=self._rng)
                except ModelError as error:
                    failures.append(error)
                if failures:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(min(self._concurrency, len(calls))):
                group.start_soon(work)
        if failures:
            raise failures[0]
        return [results[position] for position in range(len(calls))]


class Post:
    """Posts JSON to one server. The key comes from the environment, and no error repeats it."""

    def __init__(self, name: str, base: str, key_name: str, timeout_s: float) -> None:
        """Remember the address; nothing is sent.

        Args:
            name: what errors call the model.
            base: the server's address, as a rule with `/v1` at its end.
            key_name: the environment variable of the key.
            timeout_s: from sending a request to its whole answer.
        """
        self._name = name
        self._base = (base if "//" in base else f"http://{base}").rstrip("/")
        self._key_name = key_name
        self._timeout_s = timeout_s

    async def __call__(self, path: str, body: dict[str, Any], *, at_root: bool = False) -> bytes:
        """The body of the answer.

        Args:
            path: what follows the address.
            body: plain JSON values.
            at_root: whether `/v1` is left out.

        Raises:
            ModelError: no answer; cause and retryability as the server's status says.
        """
        import aiohttp

        key = os.environ.get(self._key_name, "").strip()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = self._base.removesuffix("/v1") if at_root else self._base
        try:
            with anyio.fail_after(self._timeout_s):
                async with (
                    aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session,
                    session.post(base + path, json=body, headers=headers) as response,
                ):
                    status, retry_after = response.status, response.headers.get("Retry-After")
                    answer = await response.read()
        except TimeoutError:
            raise timeout_error(self._name, self._timeout_s) from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise model_error(self._name, "connection", one_line(str(exc), type(exc).__name__)) from None
        if status != 200:
            said = one_line(answer.decode(errors="replace"), f"status {status}")
            raise model_error(self._name, cause_of_status(status), said, retry_after_s=seconds_to_wait(retry_after))
        return answer
