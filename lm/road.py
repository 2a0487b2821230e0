"""The one road to a model: reply store, in-flight sharing, concurrency, budget and retries around an engine.

Every tool holds a `Road` and calls it "the LM". A failure of the infrastructure is missing data: `complete` raises it,
`complete_all` returns it in its place. Nothing is paid twice: a reply is stored in the same step of the event loop in
which it arrives, so a kill loses at most the calls in flight.

    road = Road(engine, store=ReplyStore("replies.sqlite"), budget=Budget(max_calls=300))
    replies = await road.complete_all(requests)
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio
import anyio.lowlevel

from lm.base import Engine, Reply, Request, Usage
from lm.budget import Budget, Reservation, bound_prompt_tokens
from lm.limiter import Limiter
from lm.retry import Retry
from lm.store import ReplyStore, encode_request
from workbench.errors import ModelError, OpenbookError

KEY_FORMAT = 1
"""Part of every key; raised when the meaning of a request changes."""
REFUSED = frozenset({"rate_limit", "auth", "request"})
"""Causes that say the provider turned the call away unread: no tokens and no cost, known to be 0."""
BUDGET_POLL_S = 0.01
"""A budget may be shared by roads on several threads, so waiting for its settlements is polling."""
QUEUE_PER_SLOT = 4
"""Workers of `complete_all` per slot: enough that calls waiting to be retried leave no slot empty."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a road has done so far."""

    calls: int = 0
    """Calls sent to the engine, each retry counted."""
    cached: int = 0
    """Requests answered from the store or by an identical request in flight."""
    failed: int = 0
    """Requests that ended in a `ModelError`."""
    prompt_tokens: int = 0
    """Tokens of all calls, as far as the engine tells."""
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    """None as soon as one call's cost is unknown; a call lost to a time-out may be billed, so its cost is unknown."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A request in flight; `outcome` stays None when its owner was cancelled or refused."""

    done: anyio.Event = field(default_factory=anyio.Event)
    outcome: Reply | ModelError | None = None


def request_key(request: Request, engine_name: str) -> str:
    """Content hash (sha256, hex) of all that decides a reply; the key of the reply store.

    The schema goes in as written: constrained decoding follows the order of its properties, so two orders are two
    requests.
    """
    content = encode_request(request)
    content["schema"] = json.dumps(content["schema"], ensure_ascii=False)
    content |= {"engine": engine_name, "format": KEY_FORMAT}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Road:
    """An engine with everything around it; lives on one event loop, threads come in through an anyio portal."""

    def __init__(
        self,
        engine: Engine,
        *,
        store: ReplyStore | None = None,
        budget: Budget | None = None,
        limiter: Limiter | None = None,
        retry: Retry = Retry(),  # noqa: B008 - frozen
        rng: random.Random | None = None,
    ) -> None:
        """Build the road.

        Args:
            engine: the model.
            store: where replies are kept; None asks the engine every time.
            budget: caps and price; None is no cap.
            limiter: concurrency, and the `sleep` used between retries; by default the engine's slots.
            retry: what to do about a failure that may pass.
            rng: source of the retries' jitter; no reply depends on it.
        """
        self.engine = engine
        self.store = store
        self.budget = budget or Budget()
        self.limiter = limiter or Limiter(engine.slots, ceiling=engine.slots)
        self.retry = retry
        self._rng = rng or random.Random()
        self._pending: dict[str, _Pending] = {}
        self._ledger = Ledger()

    @property
    def ledger(self) -> Ledger:
        """Calls, tokens and cost so far."""
        return self._ledger

    async def complete(self, request: Request) -> Reply:
        """Answer one request, from the store if it was ever answered.

        Raises:
            ModelError: no answer after all attempts; missing data.
            BudgetError: the next call would exceed a cap.
            DataError: the reply store cannot be read or written.
        """
        key = request_key(request, self.engine.name)
        while pending := self._pending.get(key):
            await pending.done.wait()
            if isinstance(pending.outcome, Reply):
                return self._cached(replace(pending.outcome, cached=True))
            if isinstance(pending.outcome, ModelError):
                self._ledger = replace(self._ledger, failed=self._ledger.failed + 1)
                raise pending.outcome
        if self.store is not None and (stored := self.store.get(key)) is not None:
            return self._cached(stored)
        return await self._ask_once(key, request)

    async def complete_all(
        self, requests: Sequence[Request], *, on_done: Callable[[int, Reply | ModelError], None] | None = None
    ) -> list[Reply | ModelError]:
        """Answer many requests at once; outcomes in the order of the requests, failures in their places.

        Args:
            requests: what to ask.
            on_done: told of each outcome, with its position, as it comes.

        Raises:
            BudgetError: a cap is reached; calls in flight are first finished, settled and stored.
            DataError: the reply store cannot be read or written; likewise.
        """
        outcomes: dict[int, Reply | ModelError] = {}
        refusals: list[OpenbookError] = []
        queue = iter(enumerate(requests))

        async def work() -> None:
            for position, request in queue:
                await anyio.lowlevel.checkpoint()  # replies from the store alone would never let others run
                try:
                    outcomes[position] = await self._outcome(request)
                except OpenbookError as error:
                    refusals.append(error)
                else:
                    if on_done is not None:
                        on_done(position, outcomes[position])
                if refusals:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(min(len(requests), QUEUE_PER_SLOT * self.limiter.ceiling)):
                group.start_soon(work)
        if refusals:
            raise refusals[0]
        return [outcomes[position] for position in range(len(requests))]

    async def aclose(self) -> None:
        """Free what the engine holds; the store stays open, others may share it."""
        await self.engine.aclose()

    async def _outcome(self, request: Request) -> Reply | ModelError:
        try:
            return await self.complete(request)
        except ModelError as error:
            return error

    async def _ask_once(self, key: str, request: Request) -> Reply:
        """Ask the engine on behalf of all who want the same; they wait on the pending entry."""
        pending = self._pending[key] = _Pending()
        try:
            reply = await self.retry.run(lambda: self._attempt(request), sleep=self.limiter.sleep, rng=self._rng)
            pending.outcome = reply
            if self.store is not None:
                self.store.put(key, request, reply)
            return reply
        except ModelError as error:
            pending.outcome = error
            self._ledger = replace(self._ledger, failed=self._ledger.failed + 1)
            raise
        finally:
            del self._pending[key]
            pending.done.set()

    async def _attempt(self, request: Request) -> Reply:
        """One call; it is reserved only once it has a slot, so that no queue holds back budget from calls that run."""
        async with self.limiter.slot():
            reservation = await self._reserve(request)
            usage = Usage()
            try:
                reply = await self.engine.complete(request)
                usage = reply.usage
            except ModelError as error:
                if error.cause in REFUSED:
                    usage = Usage(prompt_tokens=0, completion_tokens=0, cost_usd=0.0)
                raise
            finally:
                self._settle(reservation, usage)
        return reply

    async def _reserve(self, request: Request) -> Reservation:
        """Reserve, waiting while calls in flight may still leave enough."""
        bound = bound_prompt_tokens(request)
        while (reservation := self.budget.try_reserve(request, bound)) is None:
            await anyio.sleep(BUDGET_POLL_S)
        return reservation

    def _settle(self, reservation: Reservation, usage: Usage) -> None:
        self.budget.settle(reservation, usage)
        before, cost_usd = self._ledger, self.budget.cost_usd(usage)
        self._ledger = replace(
            before,
            calls=before.calls + 1,
            prompt_tokens=before.prompt_tokens + (usage.prompt_tokens or 0),
            completion_tokens=before.completion_tokens + (usage.completion_tokens or 0),
            cost_usd=None if before.cost_usd is None or cost_usd is None else before.cost_usd + cost_usd,
        )

    def _cached(self, reply: Reply) -> Reply:
        self._ledger = replace(self._ledger, cached=self._ledger.cached + 1)
        return reply
