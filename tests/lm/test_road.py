import random
from contextlib import closing
from dataclasses import replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.base import Message, Reply, Request, Usage
from lm.budget import Amount, Budget, Price
from lm.fake import Scripted
from lm.limiter import Limiter
from lm.retry import Retry
from lm.road import Ledger, Road, request_key
from lm.store import ReplyStore
from workbench.errors import BudgetError, DataError, ModelError

BUSY = ModelError("busy", cause="server", retryable=True)
WRONG = ModelError("wrong", cause="request")
ONCE = Retry(attempts=1)


def ask(text, **settings):
    return Request((Message("user", text),), **settings)


def echo(request):
    return request.messages[-1].content


def asks(n):
    return [ask(str(i)) for i in range(n)]


async def no_wait(delay_s):
    await anyio.lowlevel.checkpoint()


def make(answer, *, slots=4, **parts):
    engine = Scripted(answer, slots=slots)
    limiter = Limiter(slots, ceiling=slots, sleep=no_wait)
    return Road(engine, limiter=limiter, rng=random.Random(0), **parts), engine


def test_road_answers_and_counts():
    road, engine = make(echo)
    assert anyio.run(road.complete, ask("two words")).text == "two words"
    assert engine.calls == 1
    assert road.ledger == Ledger(calls=1, prompt_tokens=2, completion_tokens=2, cost_usd=0.0)


def test_complete_all_keeps_order_and_puts_failures_in_their_places():
    road, _ = make(lambda request: WRONG if echo(request) in ("3", "7") else echo(request))
    outcomes = anyio.run(road.complete_all, asks(100))
    assert [o if isinstance(o, ModelError) else o.text for o in outcomes] == [
        WRONG if str(i) in ("3", "7") else str(i) for i in range(100)
    ]
    assert (road.ledger.calls, road.ledger.failed) == (100, 2)


def test_complete_all_tells_each_outcome_once():
    road, told = make(echo)[0], []

    async def main():
        return await road.complete_all(asks(30), on_done=lambda i, outcome: told.append((i, outcome)))

    outcomes = anyio.run(main)
    assert sorted(told, key=lambda pair: pair[0]) == list(enumerate(outcomes))


def test_complete_all_of_nothing_is_nothing():
    assert anyio.run(make(echo)[0].complete_all, []) == []


def test_complete_raises_a_failure():
    road, _ = make([WRONG])
    with pytest.raises(ModelError, match="wrong"):
        anyio.run(road.complete, ask("x"))
    assert road.ledger.failed == 1


def test_stored_reply_costs_nothing(tmp_path):
    with closing(ReplyStore(tmp_path / "s")) as store:
        first, _ = make(echo, store=store)
        anyio.run(first.complete_all, asks(10))
        again, engine = make(echo, store=store, budget=Budget(max_calls=0))
        replies = anyio.run(again.complete_all, asks(10))
    assert engine.calls == 0
    assert all(reply.cached for reply in replies)
    assert again.ledger == Ledger(cached=10)


def test_failure_is_not_stored(tmp_path):
    with closing(ReplyStore(tmp_path / "s")) as store:
        road, engine = make([WRONG, "right"], store=store)
        assert anyio.run(road.complete_all, [ask("x")]) == [WRONG]
        assert anyio.run(road.complete, ask("x")).text == "right"
    assert engine.calls == 2


def test_identical_requests_in_flight_make_one_call():
    road, engine = make(echo, slots=20)
    replies = anyio.run(road.complete_all, [ask("same")] * 20)
    assert engine.calls == 1
    assert [reply.text for reply in replies] == ["same"] * 20
    assert sum(reply.cached for reply in replies) == 19
    assert (road.ledger.calls, road.ledger.cached) == (1, 19)


def test_identical_requests_in_flight_share_a_failure():
    road, engine = make([WRONG] * 20, slots=20)
    assert anyio.run(road.complete_all, [ask("same")] * 20) == [WRONG] * 20
    assert engine.calls == 1
    assert road.ledger.failed == 20


def test_waiting_request_takes_over_from_a_cancelled_one():
    engine = Scripted(echo, latency_s=0.05)
    road = Road(engine)

    async def main():
        async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
            inner.start_soon(road.complete, ask("same"))
            await anyio.lowlevel.checkpoint()
            outer.start_soon(keep_reply)
            await anyio.lowlevel.checkpoint()
            inner.cancel_scope.cancel()

    async def keep_reply():
        kept.append(await road.complete(ask("same")))

    kept = []
    anyio.run(main)
    assert [reply.text for reply in kept] == ["same"]
    assert engine.calls == road.ledger.calls == 2
    assert road.ledger.cost_usd is None, "the cancelled call may have been billed"


def test_retries_are_reserved_and_counted():
    road, engine = make([BUSY, BUSY, "yes"], budget=Budget(max_calls=3))
    assert anyio.run(road.complete, ask("x")).text == "yes"
    assert engine.calls == road.ledger.calls == road.budget.spent.calls == 3
    assert road.ledger.failed == 0


def test_retry_beyond_the_budget_is_refused():
    road, engine = make([BUSY, "yes"], budget=Budget(max_calls=1))
    with pytest.raises(BudgetError):
        anyio.run(road.complete, ask("x"))
    assert engine.calls == 1


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_max_calls_are_made_exactly_and_all_stored(tmp_path, slots):
    with closing(ReplyStore(tmp_path / "s")) as store:
        road, engine = make(echo, slots=slots, store=store, budget=Budget(max_calls=30))
        with pytest.raises(BudgetError, match="30 calls"):
            anyio.run(road.complete_all, asks(100))
        assert engine.calls == len(store) == road.budget.spent.calls == 30
        assert road.budget.reserved == Amount()


@pytest.mark.parametrize("slots", [1, 8])
def test_token_cap_waits_for_calls_in_flight(slots):
    bound = 1 + 16 + 64 + 10
    road, engine = make(echo, slots=slots, budget=Budget(max_tokens=bound + 18))
    replies = anyio.run(road.complete_all, [replace(request, max_tokens=10) for request in asks(10)])
    assert [reply.text for reply in replies] == [str(i) for i in range(10)]
    assert engine.calls == 10
    assert road.budget.spent.tokens == 20


def test_cost_follows_the_price_and_is_unknown_after_a_lost_call():
    class Unpriced(Scripted):
        async def complete(self, request):
            return replace(await super().complete(request), usage=Usage(10, 1))

    async def cost_of(answers, price):
        road = Road(Unpriced(answers), budget=Budget(price=price), retry=ONCE)
        await road.complete_all(asks(len(answers)))
        return road.ledger.cost_usd

    limited = ModelError("slow down", cause="rate_limit")
    lost = ModelError("lost", cause="timeout")
    assert anyio.run(cost_of, ["a", "b"], Price(0.1, 1.0)) == pytest.approx(4.0)
    assert anyio.run(cost_of, ["a", limited], Price(0.1, 1.0)) == pytest.approx(2.0)
    assert anyio.run(cost_of, ["a", lost], Price(0.1, 1.0)) is None
    assert anyio.run(cost_of, ["a", lost], Price(0.0, 0.0)) == 0.0
    assert anyio.run(cost_of, ["a"], None) is None


def test_cancelled_calls_are_settled_and_arrived_ones_stored(tmp_path):
    async def main():
        with anyio.move_on_after(0.2) as scope:
            await road.complete_all([ask("fast"), ask("slow")])
        return scope.cancelled_caught

    class Uneven(Scripted):
        async def complete(self, request):
            if echo(request) == "slow":
                await anyio.sleep_forever()
            return await super().complete(request)

    with closing(ReplyStore(tmp_path / "s")) as store:
        road = Road(Uneven(echo), store=store)
        assert anyio.run(main)
        assert len(store) == 1
    assert (road.budget.spent.calls, road.budget.reserved) == (2, Amount())


def test_failing_store_stops_the_run(tmp_path):
    class Full(ReplyStore):
        def put(self, key, request, reply):
            raise DataError("disk is full")

    with closing(Full(tmp_path / "s")) as store:
        road, engine = make(echo, store=store)
        with pytest.raises(DataError, match="full"):
            anyio.run(road.complete_all, asks(100))
    assert engine.calls <= 16


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 8))
def test_injected_failures_change_no_outcome(failing, slots):
    left = list(failing)

    def answer(request):
        return BUSY if left and left.pop() else echo(request)

    road, engine = make(answer, slots=slots, retry=Retry(attempts=50))
    replies = anyio.run(road.complete_all, asks(12))
    assert [reply.text for reply in replies] == [str(i) for i in range(12)]
    assert engine.calls == road.ledger.calls == 12 + sum(failing[-(engine.calls) :])


def test_road_closes_its_engine():
    assert anyio.run(make(echo)[0].aclose) is None


def test_request_key_is_stable():
    request = Request((Message("system", "简"), Message("user", "你好")), 8, 0.5, 3, {"type": "string"}, ("\n",))
    assert request_key(request, "embedded") == request_key(replace(request), "embedded")
    assert request_key(ask("x", temperature=0), "m") == request_key(ask("x", temperature=0.0), "m")
    assert len(request_key(ask("half \ud83d pair"), "m")) == 64


def test_request_key_differs_in_every_field():
    base = ask("x")
    variants = [
        base,
        ask("y"),
        Request((Message("system", "x"),)),
        Request((Message("user", "x"), Message("user", ""))),
        replace(base, max_tokens=1),
        replace(base, temperature=0.1),
        replace(base, seed=1),
        replace(base, schema={}),
        replace(base, schema={"a": 1, "b": 2}),
        replace(base, schema={"b": 2, "a": 1}),
        replace(base, stop=("x",)),
    ]
    keys = {request_key(request, engine) for request in variants for engine in ("m", "n")}
    assert len(keys) == 2 * len(variants)


def test_reply_from_the_engine_is_not_marked_cached():
    assert anyio.run(make(echo)[0].complete, ask("x")) == Reply(
        "x", Usage(1, 1, 0.0), latency_s=0.0, cached=False, model="scripted"
    )
