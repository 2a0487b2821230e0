"""Ask again after a failure that may pass: exponential back-off with full jitter.

Full jitter spreads the calls that failed together over the whole interval, so they do not fail together again
(M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from workbench.errors import ModelError, UsageError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently to ask again."""

    attempts: int = 4
    """Calls at most, the first included."""
    base_s: float = 0.5
    """Longest wait after the first failure; doubles with each further one."""
    cap_s: float = 30.0
    """Longest wait after any failure, unless the provider asks for more."""

    def __post_init__(self) -> None:
        """Refuse settings that would never call or never wait in order."""
        if self.attempts < 1 or self.base_s < 0 or self.cap_s < 0:
            raise UsageError(f"{self!r}: give at least 1 attempt and waits of 0 s or more")

    def delay_s(self, attempt: int, error: ModelError, rng: random.Random) -> float:
        """Seconds to wait after failed attempt number `attempt` (1-based); Retry-After is the floor."""
        longest_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 63))
        return (error.retry_after_s or 0.0) + rng.uniform(0.0, longest_s)

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        sleep: Sleep,
        rng: random.Random,
        on_failure: Callable[[int, ModelError], None] | None = None,
    ) -> T:
        """Call until an answer comes, the error is final, or the attempts are used up.

        Args:
            call: one attempt.
            sleep: waits that many seconds.
            rng: source of the jitter.
            on_failure: told of every failed attempt, with its number (1-based).

        Raises:
            ModelError: that of the last attempt.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await call()
            except ModelError as error:
                if on_failure is not None:
                    on_failure(attempt, error)
                if not error.retryable or attempt >= self.attempts:
                    raise
                delay_s = self.delay_s(attempt, error, rng)
            await sleep(delay_s)
