"""DSPy's programs and optimizers on the road: each call passes the same store, budget, limiter and retries as ours.

DSPy's own cache and retries are off, so nothing is paid or asked twice behind the road's back. DSPy scores a call that
raises as 0; what must not be scored, a reached cap or an unusable store, therefore leaves as `ProgramStop`.

    lm = dspy_lm(road, max_tokens=64)
    with stops_as_errors(), dspy.context(lm=lm):
        dspy.Evaluate(devset=examples, metric=metric, num_threads=16)(program)
    road.ledger.failed      # calls that DSPy scored 0 although no model answered
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from lm.base import Message, Reply, Request, Role
from lm.road import Road
from workbench.errors import ModelError, OpenbookError, UsageError

T = TypeVar("T")
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
FINISH_REASONS = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
SAMPLE_STRIDE = 1_000_003
"""Distance of the seeds of one call's candidates (`n`): large, so that they miss the seeds of other rollouts."""

_seeds: ContextVar[Iterator[int] | None] = ContextVar("openbook_dspy_seeds", default=None)


class ProgramStop(BaseException):
    """Carries an error out of a DSPy program; not an `Exception`, or DSPy would score the example 0 and go on."""

    def __init__(self, error: OpenbookError) -> None:
        """Keep the error for `stops_as_errors`."""
        super().__init__(str(error))
        self.error = error


@contextmanager
def stops_as_errors() -> Iterator[None]:
    """Turn a `ProgramStop` that leaves this block back into its error.

    Raises:
        BudgetError: a cap was reached within the block.
        DataError: the reply store could not be used within the block.
    """
    try:
        yield
    except ProgramStop as stop:
        raise stop.error from None


class LoopThread:
    """A private event loop on a daemon thread: the one loop on which a road is used, whoever calls."""

    def __init__(self) -> None:
        """Start the thread; it ends with `close` or with the process."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openbook-dspy", daemon=True)
        self._thread.start()
        self._closed = False
        self._running: set[Future[Any]] = set()
        self._lock = threading.Lock()  # protects the two above: nothing is submitted to a loop about to stop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and wait; an interrupted wait cancels the coroutine."""
        future = self._submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def run_async(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and await it from another one."""
        return await asyncio.wrap_future(self._submit(coroutine))

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let what runs finish, run `last`, end the thread; closing twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running = set(self._running)
        wait(running)  # a call in flight is paid, so its reply is still stored
        asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if not self._closed:
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
                self._running.add(future)
                future.add_done_callback(self._running.discard)
                return future
        coroutine.close()
        raise UsageError("this LM is closed; open a new one with dspy_lm")


async def _finish(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `last`, then end what libraries left running on this loop."""
    await last()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class RoadEngine:
    """DSPy's synchronous engine: `complete(dspy.lm15.Request) -> dspy.lm15.Response`."""

    supports_response_schema = True
    supported_params = ("response_format",)

    def __init__(self, road: Road, *, max_tokens: int) -> None:
        """Lead to `road`, which from now on lives on this engine's private loop."""
        self.road = road
        self.loop = LoopThread()
        self.max_tokens = max_tokens

    def __deepcopy__(self, memo: dict[int, Any]) -> RoadEngine:
        """Stay the same: DSPy copies its LMs, and a copy must share the road."""
        return self

    def complete(self, request: Any) -> Any:
        """Answer from the road; raises DSPy's errors, or `ProgramStop`."""
        ours = to_request(request, max_tokens=self.max_tokens)
        with _dspy_errors():
            return to_response(self.loop.run(self.road.complete(ours)), request.model)

    def close(self) -> None:
        """Let calls in flight finish, free what the road's engine holds and end the private loop."""
        self.loop.close(self.road.aclose)


class AsyncRoadEngine:
    """DSPy's asynchronous engine, for `acall`, on the loop of the synchronous one."""

    def __init__(self, engine: RoadEngine) -> None:
        """Be the twin of `engine`."""
        self.engine = engine

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncRoadEngine:
        """Stay the same, as the synchronous one."""
        return self

    async def complete(self, request: Any) -> Any:
        """Answer from the road; raises DSPy's errors, or `ProgramStop`."""
        ours = to_request(request, max_tokens=self.engine.max_tokens)
        with _dspy_errors():
            reply = await self.engine.loop.run_async(self.engine.road.complete(ours))
        return to_response(reply, request.model)


class RolloutSeeds:
    """A DSPy callback: distinct rollouts and candidates get distinct seeds, or the store would repeat one sample.

    DSPy strips `rollout_id` before its engine sees the request; this reads it when the call begins.
    """

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Line up the seeds of this call."""
        settings = {**instance.kwargs, **inputs.get("kwargs", {})}
        _seeds.set(itertools.count(settings.get("rollout_id") or 0, SAMPLE_STRIDE))

    def on_lm_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
        """Forget them."""
        _seeds.set(None)


def dspy_lm(road: Road, *, max_tokens: int = 256, temperature: float = 0.0) -> Any:
    """A `dspy.LM` whose calls go through `road`; `lm.engine.close()` ends its thread, else the process does.

    Args:
        road: used on a private event loop from now on, so nothing else may call it directly.
        max_tokens: of each answer, unless the call says otherwise.
        temperature: of each call, unless the call says otherwise.
    """
    import dspy

    engine = RoadEngine(road, max_tokens=max_tokens)
    return dspy.LM(
        # The suffix keeps DSPy from applying its rules for families of model names to an engine that has its own.
        f"openbook/{road.engine.name}@road",
        engine=engine,
        async_engine=AsyncRoadEngine(engine),
        max_tokens=max_tokens,
        temperature=temperature,
        cache=False,
        num_retries=0,
        callbacks=[RolloutSeeds()],
    )


def to_request(request: Any, *, max_tokens: int) -> Request:
    """Translate DSPy's request; a seed counts only where there is something to sample, as in DSPy.

    Raises:
        dspy.lm15.UnsupportedFeatureError: tools, or content that is not text.
    """
    config = request.config
    temperature = config.temperature or 0.0
    return Request(
        messages=tuple(_messages(request)),
        max_tokens=config.max_tokens or max_tokens,
        temperature=temperature,
        seed=_seed(config.seed) if temperature > 0 else 0,
        schema=_schema(config.response_format),
        stop=tuple(config.stop),
    )


def to_response(reply: Reply, model: str) -> Any:
    """Translate our reply; unknown token counts stay unknown."""
    from dspy import lm15

    return lm15.Response(
        id=None,
        model=model,
        message=lm15.Message.assistant([lm15.TextPart(reply.text)]),
        finish_reason=FINISH_REASONS.get(reply.finish_reason, "stop"),
        usage=lm15.Usage(input_tokens=reply.usage.prompt_tokens, output_tokens=reply.usage.completion_tokens),
    )


def _messages(request: Any) -> Iterator[Message]:
    from dspy import lm15

    if request.tools:
        raise lm15.UnsupportedFeatureError("tools are not supported on this road; describe them in the prompt")
    if request.system:
        parts = (request.system,) if isinstance(request.system, str) else (part.text for part in request.system)
        yield Message("system", "".join(parts))
    for message in request.messages:
        if message.role not in ROLES or message.text is None:
            raise lm15.UnsupportedFeatureError(f"a {message.role!r} message without plain text; send text only")
        yield Message(ROLES[message.role], message.text)


def _seed(asked: int | None) -> int:
    seeds = _seeds.get()
    return (asked or 0) + (next(seeds) if seeds is not None else 0)


def _schema(response_format: Any) -> dict[str, Any] | None:
    if response_format is None:
        return None
    schema: dict[str, Any] = response_format.get("schema") or {"type": "object"}
    return schema


@contextmanager
def _dspy_errors() -> Iterator[None]:
    """Missing data becomes DSPy's error of the same kind; anything else must stop the program."""
    from dspy import lm15

    kinds = {
        "auth": lm15.AuthError,
        "connection": lm15.TransportError,
        "rate_limit": lm15.RateLimitError,
        "request": lm15.InvalidRequestError,
        "server": lm15.ServerError,
        "timeout": lm15.TimeoutError,
    }
    try:
        yield
    except ModelError as error:
        kind = kinds.get(error.cause, lm15.ProviderError)
        raise kind(str(error), retry_after=error.retry_after_s) from error
    except OpenbookError as error:
        raise ProgramStop(error) from error
