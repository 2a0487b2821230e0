import random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.retry import Retry
from workbench.errors import ModelError, UsageError

BUSY = ModelError("busy", cause="server", retryable=True)
WRONG_KEY = ModelError("no", cause="auth")


def run(outcomes, retry=Retry()):  # noqa: B008
    """What `retry` makes of the outcomes: the answer or error, the waits, the failures told."""
    left, waits, failures = list(outcomes), [], []

    async def call():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(delay_s):
        waits.append(delay_s)

    async def main():
        try:
            return await retry.run(
                call, sleep=sleep, rng=random.Random(1), on_failure=lambda n, error: failures.append((n, error.cause))
            )
        except (ModelError, ValueError) as error:
            return error

    return anyio.run(main), waits, failures


def test_retry_returns_the_first_answer_without_waiting():
    assert run(["yes"]) == ("yes", [], [])


def test_retry_asks_again_after_a_failure_that_may_pass():
    answer, waits, failures = run([BUSY, BUSY, "yes"])
    assert answer == "yes"
    assert len(waits) == 2
    assert failures == [(1, "server"), (2, "server")]


def test_retry_gives_up_after_its_attempts():
    answer, waits, failures = run([BUSY] * 9)
    assert answer is BUSY
    assert (len(waits), len(failures)) == (3, 4)


@pytest.mark.parametrize("error", [WRONG_KEY, ValueError("a bug")], ids=["final", "no model error"])
def test_retry_does_not_repeat_what_cannot_pass(error):
    answer, waits, _ = run([error, "yes"])
    assert answer is error
    assert waits == []


def test_retry_after_is_a_floor():
    answer, waits, _ = run([ModelError("slow", cause="rate_limit", retryable=True, retry_after_s=60.0), "yes"])
    assert answer == "yes"
    assert waits[0] >= 60.0


@given(
    attempt=st.integers(1, 5000),
    base_s=st.floats(0, 10),
    cap_s=st.floats(0, 100),
    floor_s=st.none() | st.floats(0, 100),
    seed=st.integers(),
)
def test_delay_lies_between_its_bounds(attempt, base_s, cap_s, floor_s, seed):
    error = ModelError("x", retryable=True, retry_after_s=floor_s)
    delay_s = Retry(4, base_s, cap_s).delay_s(attempt, error, random.Random(seed))
    assert (floor_s or 0) <= delay_s <= (floor_s or 0) + min(cap_s, base_s * 2.0 ** min(attempt - 1, 63)) + 1e-9


@pytest.mark.parametrize("bad", [{"attempts": 0}, {"base_s": -1.0}, {"cap_s": -1.0}])
def test_retry_refuses_impossible_settings(bad):
    with pytest.raises(UsageError, match="at least 1 attempt"):
        Retry(**bad)
