"""Adaptive concurrency: as many calls at once as the provider bears.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): a rate limit or a time-out halves the
limit, each round trip of successes raises it by one. It starts at the top, so nothing is lost while nothing fails.

    async with limiter.slot():
        reply = await engine.complete(request)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from lm.retry import Sleep
from workbench.errors import ModelError, UsageError

CONGESTION = frozenset({"rate_limit", "timeout"})
"""Causes of a `ModelError` that say: too many at once."""


class Limiter:
    """Hands out slots, first come first served; lives on one event loop, so it needs no lock."""

    def __init__(
        self, start: int, *, ceiling: int, clock: Callable[[], float] = time.monotonic, sleep: Sleep = anyio.sleep
    ) -> None:
        """Start with `start` slots and never give more than `ceiling`.

        Raises:
            UsageError: not 1 <= start <= ceiling.
        """
        if not 1 <= start <= ceiling:
            raise UsageError(f"concurrency starts at {start} with a ceiling of {ceiling}; give 1 <= start <= ceiling")
        self.ceiling = ceiling
        self.sleep = sleep
        self._clock = clock
        self._limit = float(start)
        self._active = 0
        self._waiting: deque[anyio.Event] = deque()
        self._round = 0
        self._resume_at_s = clock()

    @property
    def limit(self) -> int:
        """How many slots may be taken now."""
        return int(self._limit)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one slot; a `ModelError` that leaves the block slows down, a normal end speeds up."""
        await self._enter()
        try:
            await self._wait_out_pause()
            begun = self._round
            yield
            self._limit = min(self.ceiling, self._limit + 1.0 / self._limit)
        except ModelError as error:
            if error.cause in CONGESTION:
                self._slow_down(begun, error.retry_after_s)
            raise
        finally:
            self._leave()

    async def _enter(self) -> None:
        if not self._waiting and self._active < self.limit:
            self._active += 1
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:  # cancelled: pass the slot on if it was just handed over
            if turn.is_set():
                self._leave()
            else:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        self._active -= 1
        while self._waiting and self._active < self.limit:
            self._active += 1
            self._waiting.popleft().set()

    async def _wait_out_pause(self) -> None:
        while (left_s := self._resume_at_s - self._clock()) > 0:
            await self.sleep(left_s)

    def _slow_down(self, begun: int, retry_after_s: float | None) -> None:
        """Halve once per round trip: calls begun before the last halving report the same congestion."""
        self._resume_at_s = max(self._resume_at_s, self._clock() + (retry_after_s or 0.0))
        if begun == self._round:
            self._round += 1
            self._limit = max(1.0, self._limit / 2)
