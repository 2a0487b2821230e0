"""Caps on calls, tokens and cost that hold by construction: reserve before a call, settle after it.

The invariant, with any number of threads: spent + reserved never exceeds a cap. It is as true as the bound that is
reserved, see `bound_prompt_tokens`.

    reservation = budget.reserve(request, bound_prompt_tokens(request))
    reply = ...
    budget.settle(reservation, reply.usage)
"""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass

from lm.base import Request, Usage
from lm.store import encode_request
from workbench.errors import BudgetError, UsageError

MESSAGE_OVERHEAD_TOKENS = 16
"""Role markers that a chat template writes around one message."""
TEMPLATE_OVERHEAD_TOKENS = 64
"""What a chat template may add once: a start mark, a default system message, today's date."""
ROUNDING = 1e-9
"""Relative slack of the cost cap: ten calls of 0.01 fit into 0.1 although their float sum does not."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a token costs, in US dollars."""

    prompt_usd_per_token: float
    completion_usd_per_token: float

    def cost_usd(self, usage: Usage) -> float | None:
        """Cost of a call; None when a token count that costs something is unknown."""
        counts = (usage.prompt_tokens, usage.completion_tokens)
        rates = (self.prompt_usd_per_token, self.completion_usd_per_token)
        if any(count is None and rate for count, rate in zip(counts, rates, strict=True)):
            return None
        return sum((count or 0) * rate for count, rate in zip(counts, rates, strict=True))


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls, tokens (prompt + completion) and US dollars."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.cost_usd + other.cost_usd)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.cost_usd - other.cost_usd)


@dataclass(frozen=True, slots=True)
class Reservation:
    """An upper bound of one call, set aside until the call is settled or released."""

    number: int
    prompt_tokens: int
    completion_tokens: int
    amount: Amount


def bound_prompt_tokens(request: Request) -> int:
    """An upper bound of the prompt's tokens that needs no tokenizer.

    A token of a byte-level BPE, or of a vocabulary with byte fallback, covers at least one byte of UTF-8, so the number
    of bytes bounds the number of tokens; the schema is counted because some providers put it into the prompt, and the
    chat template is allowed for. Tokenizers that normalize one character into several are not covered.
    """
    content = sum(len(message.content.encode("utf-8", "surrogatepass")) for message in request.messages)
    schema = 0 if request.schema is None else len(json.dumps(encode_request(request)["schema"]))
    return content + schema + MESSAGE_OVERHEAD_TOKENS * len(request.messages) + TEMPLATE_OVERHEAD_TOKENS


class Budget:
    """Caps for a whole run; threads and roads may share it, and its price is that of one model."""

    def __init__(
        self,
        *,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_cost_usd: float | None = None,
        price: Price | None = None,
    ) -> None:
        """Set the caps; None is no cap, and 0 calls means: replay from the reply store only.

        Raises:
            UsageError: a cap is negative.
            BudgetError: a cost cap without a price, which could not be kept.
        """
        for flag, cap in (("--max-calls", max_calls), ("--max-tokens", max_tokens), ("--max-cost", max_cost_usd)):
            if cap is not None and not cap >= 0:
                raise UsageError(f"{flag} is {cap!r}; give 0 or more")
        if max_cost_usd is not None and price is None:
            raise BudgetError(
                f"--max-cost {max_cost_usd} cannot be kept: the price of this model is unknown;"
                " give its price per token, or cap with --max-calls or --max-tokens"
            )
        self.max_calls = max_calls
        self.max_tokens = max_tokens
        self.max_cost_usd = max_cost_usd
        self.price = price
        self._lock = threading.Lock()  # protects the four fields below, which change together
        self._numbers = itertools.count()
        self._open: set[int] = set()
        self._spent = Amount()
        self._reserved = Amount()

    @property
    def spent(self) -> Amount:
        """What settled calls took; the bound stands for a call whose usage is unknown, and no price means no cost."""
        with self._lock:
            return self._spent

    @property
    def reserved(self) -> Amount:
        """What is set aside for calls in flight."""
        with self._lock:
            return self._reserved

    def reserve(self, request: Request, prompt_tokens_bound: int) -> Reservation:
        """Set aside the most this call can take.

        Raises:
            BudgetError: spent + reserved + this call would exceed a cap.
        """
        reservation = self._draw_up(request, prompt_tokens_bound)
        with self._lock:
            self._refuse_beyond_cap(self._spent + self._reserved, reservation.amount)
            self._set_aside(reservation)
        return reservation

    def try_reserve(self, request: Request, prompt_tokens_bound: int) -> Reservation | None:
        """As `reserve`, but None when the call may still fit once the calls in flight are settled.

        Raises:
            BudgetError: the call would exceed a cap even if no call in flight took a token.
        """
        reservation = self._draw_up(request, prompt_tokens_bound)
        with self._lock:
            in_flight_calls = Amount(calls=self._reserved.calls)  # settling never gives a call back
            self._refuse_beyond_cap(self._spent + in_flight_calls, reservation.amount)
            if self._exceeded(self._spent + self._reserved + reservation.amount):
                return None
            self._set_aside(reservation)
        return reservation

    def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Replace the bound by the truth; what the engine does not say keeps its bound."""
        taken = Usage(
            _known(usage.prompt_tokens, reservation.prompt_tokens),
            _known(usage.completion_tokens, reservation.completion_tokens),
            usage.cost_usd,
        )
        tokens = (taken.prompt_tokens or 0) + (taken.completion_tokens or 0)
        with self._lock:
            self._take_back(reservation)
            self._spent += Amount(1, tokens, self.cost_usd(taken) or 0.0)

    def charge(self, usage: Usage) -> None:
        """Count a call of an earlier, interrupted process as spent; tokens that are not known count as none."""
        tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
        with self._lock:
            self._spent += Amount(1, tokens, self.cost_usd(usage) or 0.0)

    def release(self, reservation: Reservation) -> None:
        """Give back the reservation of a call that was never sent."""
        with self._lock:
            self._take_back(reservation)

    def cost_usd(self, usage: Usage) -> float | None:
        """What the engine says a call cost, else what the price says, else None."""
        if usage.cost_usd is not None or self.price is None:
            return usage.cost_usd
        return self.price.cost_usd(usage)

    def _draw_up(self, request: Request, prompt_tokens: int) -> Reservation:
        bound = Usage(prompt_tokens, request.max_tokens)
        amount = Amount(1, prompt_tokens + request.max_tokens, self.cost_usd(bound) or 0.0)
        return Reservation(next(self._numbers), prompt_tokens, request.max_tokens, amount)

    def _set_aside(self, reservation: Reservation) -> None:
        self._open.add(reservation.number)
        self._reserved += reservation.amount

    def _take_back(self, reservation: Reservation) -> None:
        self._open.remove(reservation.number)  # KeyError: settled or released twice, a bug of the caller
        self._reserved = self._reserved - reservation.amount if self._open else Amount()

    def _exceeded(self, total: Amount) -> str | None:
        """Name the unit of the first cap that the total exceeds."""
        if self.max_calls is not None and total.calls > self.max_calls:
            return "calls"
        if self.max_tokens is not None and total.tokens > self.max_tokens:
            return "tokens"
        if self.max_cost_usd is not None and total.cost_usd > self.max_cost_usd * (1 + ROUNDING):
            return "cost"
        return None

    def _refuse_beyond_cap(self, taken: Amount, new: Amount) -> None:
        unit = self._exceeded(taken + new)
        if unit is None:
            return
        cap, used, asked = {
            "calls": (f"{self.max_calls} calls", f"{taken.calls}", f"{new.calls}"),
            "tokens": (f"{self.max_tokens} tokens", f"{taken.tokens}", f"up to {new.tokens}"),
            "cost": (f"{self.max_cost_usd} USD", f"{taken.cost_usd:.6g}", f"up to {new.cost_usd:.6g}"),
        }[unit]
        raise BudgetError(
            f"the budget of {cap} is reached: {used} used or in flight, the next call needs {asked} more;"
            f" raise --max-{unit} and run again: replies in the store are not paid twice"
        )


def _known(value: int | None, bound: int) -> int:
    return bound if value is None else value
