import anyio
import pytest

from lm.limiter import Limiter
from workbench.errors import BudgetError, ModelError, UsageError


class Hands:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def clock(self):
        return self.now_s

    async def sleep(self, delay_s):
        self.now_s += delay_s
        await anyio.lowlevel.checkpoint()


def make(start, ceiling=None):
    hands = Hands()
    return Limiter(start, ceiling=ceiling or start, clock=hands.clock, sleep=hands.sleep), hands


async def call(limiter, error=None):
    try:
        async with limiter.slot():
            await anyio.lowlevel.checkpoint()
            if error is not None:
                raise error
    except (ModelError, BudgetError):
        pass


def limited(retry_after_s=None):
    return ModelError("slow down", cause="rate_limit", retryable=True, retry_after_s=retry_after_s)


def test_limiter_never_gives_more_slots_than_its_limit_and_uses_all():
    limiter, _ = make(5)
    running, peak = [], []

    async def work():
        async with limiter.slot():
            running.append(1)
            peak.append(len(running))
            await anyio.lowlevel.checkpoint()
            running.pop()

    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(work)

    anyio.run(main)
    assert len(peak) == 40
    assert max(peak) == 5


def test_limiter_serves_in_order():
    limiter, _ = make(1)
    order = []

    async def work(i):
        async with limiter.slot():
            order.append(i)
            await anyio.lowlevel.checkpoint()

    async def main():
        async with anyio.create_task_group() as group:
            for i in range(10):
                group.start_soon(work, i)

    anyio.run(main)
    assert order == list(range(10))


@pytest.mark.parametrize("cause", ["rate_limit", "timeout"])
def test_limiter_halves_on_congestion(cause):
    limiter, _ = make(32)
    anyio.run(call, limiter, ModelError("x", cause=cause))
    assert limiter.limit == 16


@pytest.mark.parametrize("error", [ModelError("x", cause="auth"), ModelError("x", cause="server"), BudgetError("x")])
def test_limiter_ignores_what_is_not_congestion(error):
    limiter, _ = make(32)
    anyio.run(call, limiter, error)
    assert limiter.limit == 32


def test_limiter_halves_once_per_round_trip():
    limiter, _ = make(32)

    async def main():
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for _ in range(limiter.limit):
                    group.start_soon(call, limiter, limited())

    anyio.run(main)
    assert limiter.limit == 8


def test_limiter_never_falls_below_one():
    limiter, _ = make(4)

    async def main():
        for _ in range(10):
            await call(limiter, limited())

    anyio.run(main)
    assert limiter.limit == 1


def test_limiter_grows_by_one_per_round_of_successes_up_to_its_ceiling():
    limiter, _ = make(4, ceiling=6)
    seen = []

    async def main():
        for _ in range(30):
            await call(limiter)
            seen.append(limiter.limit)

    anyio.run(main)
    assert seen[3] == 4
    assert seen[5] == 5
    assert seen[-1] == 6


def test_limiter_pauses_all_new_slots_until_retry_after():
    limiter, hands = make(8)
    begun_s = []

    async def work():
        async with limiter.slot():
            begun_s.append(hands.now_s)

    async def main():
        await call(limiter, limited(retry_after_s=7.0))
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(work)

    anyio.run(main)
    assert min(begun_s) == 7.0


def test_limiter_loses_no_slot_to_cancelled_waiters():
    limiter, _ = make(1)

    async def main():
        async with anyio.create_task_group() as group:
            async with limiter.slot():
                for _ in range(5):
                    group.start_soon(call, limiter)
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()  # the first waiter has just been handed the slot
        with anyio.fail_after(5):
            await call(limiter)

    anyio.run(main)


@pytest.mark.parametrize(("start", "ceiling"), [(0, 4), (5, 4), (-1, -1)])
def test_limiter_refuses_impossible_limits(start, ceiling):
    with pytest.raises(UsageError, match="1 <= start <= ceiling"):
        Limiter(start, ceiling=ceiling)
