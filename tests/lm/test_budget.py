import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.base import Message, Request, Usage
from lm.budget import Amount, Budget, Price, bound_prompt_tokens
from workbench.errors import BudgetError, UsageError

REQUEST = Request((Message("user", "hello"),), max_tokens=10)
PRICE = Price(0.01, 0.02)


def test_budget_makes_exactly_max_calls():
    budget = Budget(max_calls=3)
    for _ in range(3):
        budget.reserve(REQUEST, 5)
    with pytest.raises(BudgetError, match=r"budget of 3 calls is reached: 3 used.*--max-calls"):
        budget.reserve(REQUEST, 5)


def test_budget_of_zero_calls_refuses_the_first():
    with pytest.raises(BudgetError, match="0 calls"):
        Budget(max_calls=0).reserve(REQUEST, 5)


def test_budget_without_caps_never_refuses():
    budget = Budget()
    for _ in range(100):
        budget.reserve(REQUEST, 10**9)
    assert budget.reserved.calls == 100


def test_settle_replaces_the_bound_by_the_truth():
    budget = Budget(max_tokens=30)
    first = budget.reserve(REQUEST, 20)
    assert budget.reserved == Amount(1, 30, 0.0)
    with pytest.raises(BudgetError, match="30 tokens"):
        budget.reserve(REQUEST, 5)
    budget.settle(first, Usage(4, 2))
    assert budget.reserved == Amount()
    assert budget.spent == Amount(1, 6, 0.0)
    budget.reserve(REQUEST, 14)


@pytest.mark.parametrize(
    ("usage", "tokens"), [(Usage(), 30), (Usage(4, None), 14), (Usage(None, 2), 22), (Usage(0, 0), 0)]
)
def test_settle_keeps_the_bound_of_what_is_unknown(usage, tokens):
    budget = Budget()
    budget.settle(budget.reserve(REQUEST, 20), usage)
    assert budget.spent.tokens == tokens


def test_release_gives_everything_back():
    budget = Budget(max_calls=1, max_tokens=15, max_cost_usd=0.25, price=PRICE)
    for _ in range(10):
        budget.release(budget.reserve(REQUEST, 5))
    assert (budget.spent, budget.reserved) == (Amount(), Amount())


def test_settling_twice_is_a_bug_of_the_caller():
    budget = Budget()
    reservation = budget.reserve(REQUEST, 5)
    budget.settle(reservation, Usage())
    with pytest.raises(KeyError):
        budget.settle(reservation, Usage())


def test_cost_is_what_the_engine_says_else_what_the_price_says():
    budget = Budget(price=PRICE)
    budget.settle(budget.reserve(REQUEST, 5), Usage(1, 1, cost_usd=0.5))
    budget.settle(budget.reserve(REQUEST, 5), Usage(1, 1))
    assert budget.spent.cost_usd == pytest.approx(0.53)


def test_cost_cap_counts_the_bound():
    budget = Budget(max_cost_usd=0.49, price=PRICE)
    budget.reserve(REQUEST, 5)
    with pytest.raises(BudgetError, match=r"0\.49 USD.*--max-cost"):
        budget.reserve(REQUEST, 5)


def test_cost_cap_forgives_float_rounding():
    budget = Budget(max_cost_usd=0.1, price=Price(0.01, 0.0))
    for _ in range(10):
        budget.reserve(REQUEST, 1)
    with pytest.raises(BudgetError):
        budget.reserve(REQUEST, 1)


def test_cost_cap_without_price_refuses_to_start():
    with pytest.raises(BudgetError, match="price of this model is unknown"):
        Budget(max_cost_usd=1.0)


@pytest.mark.parametrize("caps", [{"max_calls": -1}, {"max_tokens": -5}, {"max_cost_usd": float("nan")}])
def test_budget_refuses_a_cap_that_is_no_cap(caps):
    with pytest.raises(UsageError, match="give 0 or more"):
        Budget(**caps)


def test_try_reserve_waits_only_for_what_can_come_back():
    budget = Budget(max_tokens=40)
    first = budget.try_reserve(REQUEST, 20)
    assert budget.try_reserve(REQUEST, 20) is None
    with pytest.raises(BudgetError):
        budget.try_reserve(REQUEST, 31)
    budget.settle(first, Usage(5, 5))
    assert budget.try_reserve(REQUEST, 20) is not None


def test_try_reserve_does_not_wait_for_calls():
    budget = Budget(max_calls=1)
    budget.try_reserve(REQUEST, 5)
    with pytest.raises(BudgetError):
        budget.try_reserve(REQUEST, 5)


def test_price_of_unknown_tokens_is_unknown_unless_they_are_free():
    assert PRICE.cost_usd(Usage(1, None)) is None
    assert Price(0.01, 0.0).cost_usd(Usage(2, None)) == pytest.approx(0.02)
    assert Price(0.0, 0.0).cost_usd(Usage()) == 0.0


@given(st.lists(st.text(st.characters(codec=None)), min_size=1))
def test_prompt_bound_covers_every_byte(texts):
    request = Request(tuple(Message("user", text) for text in texts))
    assert bound_prompt_tokens(request) > sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def test_prompt_bound_counts_the_schema():
    schema = {"type": "object", "properties": {"names": {"type": "array"}}}
    assert bound_prompt_tokens(Request(REQUEST.messages, schema=schema)) > bound_prompt_tokens(REQUEST) + 40


STEPS = st.lists(st.tuples(st.sampled_from(["reserve", "settle", "release"]), st.integers(0, 50), st.integers(0, 10)))


@given(steps=STEPS, max_calls=st.integers(0, 20), max_tokens=st.integers(0, 500), max_cents=st.integers(0, 500))
def test_budget_never_exceeds_a_cap(steps, max_calls, max_tokens, max_cents):
    budget = Budget(max_calls=max_calls, max_tokens=max_tokens, max_cost_usd=max_cents / 100, price=PRICE)
    open_reservations = []
    for step, bound, used in steps:
        if step == "reserve":
            try:
                open_reservations.append(budget.reserve(REQUEST, bound))
            except BudgetError:
                continue
        elif open_reservations and step == "settle":
            reservation = open_reservations.pop(0)
            budget.settle(reservation, Usage(min(used, reservation.prompt_tokens), used))
        elif open_reservations:
            budget.release(open_reservations.pop(0))
        total = budget.spent + budget.reserved
        assert total.calls <= max_calls
        assert total.tokens <= max_tokens
        assert total.cost_usd <= max_cents / 100 * (1 + 1e-9)
    assert budget.reserved.calls == len(open_reservations)


def test_budget_holds_with_sixteen_threads():
    budget, granted = Budget(max_calls=300, max_tokens=4000), []

    def hammer() -> None:
        for i in range(100):
            try:
                reservation = budget.reserve(REQUEST, 5)
            except BudgetError:
                continue
            granted.append(1)
            budget.settle(reservation, Usage(i % 5, i % 10))

    threads = [threading.Thread(target=hammer) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == budget.spent.calls == 300
    assert budget.spent.tokens <= 4000
    assert budget.reserved == Amount()


def test_charge_counts_an_earlier_call_against_every_cap():
    budget = Budget(max_calls=2, max_tokens=100)
    budget.charge(Usage(30, 20))
    assert (budget.spent.calls, budget.spent.tokens) == (1, 50)
    budget.charge(Usage(None, None))
    with pytest.raises(BudgetError):
        budget.reserve(Request((Message("user", "x"),), max_tokens=1), 1)
