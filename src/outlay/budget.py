"""A hard budget: nothing is granted beyond the cap, in any dimension, however many callers ask at once.

A budget is a tree. A purchase is admitted only if it fits at every node from its scope up to the root, where
`settled + reserved + asked <= cap`. What does not fit only because others are in flight waits for them, in the order
of sample indices; what can never fit is refused at once. Everything runs on one event loop, so a check and its
reservation are one step.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from outlay.errors import BudgetExceeded, PastDeadline, UnknownPrice, UsageError
from outlay.money import nusd, show

DIMENSIONS = ("nusd", "input_tokens", "output_tokens", "calls")
PAST_DEADLINE = "The deadline has passed."


class Limits(Struct, frozen=True, omit_defaults=True):
    """The caps of one scope; None is no cap. `deadline_s` is a point on the run's clock, in seconds."""

    nusd: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    calls: int | None = None
    calls_by_role: Mapping[str, int] = {}
    deadline_s: float | None = None

    @staticmethod
    def of(
        *,
        max_usd: float | str | None = None,
        max_tokens: int | None = None,
        max_calls: int | None = None,
        deadline_s: float | None = None,
    ) -> Limits:
        """Limits as people write them; `max_tokens` caps output tokens.

        Raises:
            UsageError: a negative or unreadable limit.
        """
        for name, value in (("max_tokens", max_tokens), ("max_calls", max_calls), ("deadline_s", deadline_s)):
            if value is not None and value < 0:
                raise UsageError(f"{name} is {value}; a limit is a number from 0 up.")
        return Limits(
            nusd=None if max_usd is None else nusd(max_usd),
            output_tokens=max_tokens,
            calls=max_calls,
            deadline_s=deadline_s,
        )


class Amount(Struct, frozen=True, omit_defaults=True):
    """What a purchase takes from a budget. `nusd` None: the price is unknown, so money cannot be capped."""

    nusd: int | None = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


class Reservation:
    """A granted claim on a budget. Settle or release it exactly once."""

    __slots__ = ("amount", "open", "role")

    def __init__(self, amount: Amount, role: str):
        self.amount, self.role, self.open = amount, role, True


class _Waiter:
    __slots__ = ("amount", "budget", "future", "key", "role")

    def __init__(
        self, key: tuple[Any, ...], budget: Budget, amount: Amount, role: str, future: asyncio.Future[None]
    ):
        self.key, self.budget, self.amount, self.role, self.future = key, budget, amount, role, future


class Budget:
    """One scope of the tree. `settled` and `reserved` count what passed through it and its forks."""

    def __init__(
        self,
        limits: Limits | None = None,
        parent: Budget | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ):
        self.limits = limits or Limits()
        self.parent = parent
        self.settled: dict[str, int] = dict.fromkeys(DIMENSIONS, 0)
        self.reserved: dict[str, int] = dict.fromkeys(DIMENSIONS, 0)
        self.settled_by_role: dict[str, int] = {}
        self.reserved_by_role: dict[str, int] = {}
        self.overrun_nusd = 0
        self.closed = ""
        self._chain: tuple[Budget, ...] = (self, *(parent._chain if parent else ()))
        self._root = self._chain[-1]
        self._clock = clock or (parent._clock if parent else None)
        deadlines = [b.limits.deadline_s for b in self._chain if b.limits.deadline_s is not None]
        self.deadline_s: float | None = min(deadlines, default=None)
        """The nearest deadline of this scope and those above it, on the run's clock."""
        self._caps = tuple((d, c) for d in DIMENSIONS if (c := getattr(self.limits, d)) is not None)
        binds = bool(self._caps or self.limits.calls_by_role or self.limits.deadline_s is not None)
        # The scopes that can refuse anything; most purchases pass through none.
        self._binding: tuple[Budget, ...] = ((self,) if binds else ()) + (parent._binding if parent else ())
        self._waiters: list[_Waiter] = []
        self._watchers: list[asyncio.Future[None]] = []
        self._arrivals = 0

    def fork(self, limits: Limits | None = None) -> Budget:
        """A scope of this budget with caps of its own; what it spends counts here too."""
        return Budget(limits, self)

    @property
    def capped_money(self) -> bool:
        """Whether any scope up to the root caps money."""
        return any(b.limits.nusd is not None for b in self._binding)

    @property
    def why_closed(self) -> str:
        """Why this scope or one above it admits nothing more; empty while it is open."""
        return next((b.closed for b in self._binding if b.closed), "")

    def left(self, dimension: str) -> int | None:
        """What no one has settled or reserved of a dimension, or None where nothing caps it."""
        rooms = [
            max(cap - b.settled[dimension] - b.reserved[dimension], 0)
            for b in self._binding
            if (cap := getattr(b.limits, dimension)) is not None
        ]
        return min(rooms) if rooms else None

    def preload(self, *, nusd: int = 0, input_tokens: int = 0, output_tokens: int = 0, calls: int = 0) -> None:
        """Count what an earlier process already spent under this budget."""
        for b in self._chain:
            b.settled["nusd"] += nusd
            b.settled["input_tokens"] += input_tokens
            b.settled["output_tokens"] += output_tokens
            b.settled["calls"] += calls

    async def reserve(
        self, amount: Amount, *, role: str = "default", order: tuple[Any, ...] = ()
    ) -> Reservation:
        """Claim `amount`, waiting while it does not fit only because of purchases in flight.

        Waiters are admitted by `order`, then by arrival; nobody overtakes a waiter whose scope it shares.

        Raises:
            BudgetExceeded: it can never fit, the deadline has passed, or an overrun closed the budget.
            UnknownPrice: the amount has no price and money is capped.
        """
        if amount.nusd is None and self.capped_money:
            raise UnknownPrice("The budget caps money and a price is unknown; set one in outlay.toml.")
        root = self._root
        if not root._waiters:
            self._refuse_if_hopeless(amount, role)
            if self._blocker(amount, role) is None:
                return self._take(amount, role)
        root._arrivals += 1
        waiter = _Waiter(
            (order, root._arrivals), self, amount, role, asyncio.get_running_loop().create_future()
        )
        insort(root._waiters, waiter, key=lambda w: w.key)
        root._admit()
        try:
            async with asyncio.timeout(self._seconds_left()):
                await waiter.future
        except (asyncio.CancelledError, TimeoutError) as end:
            if waiter in root._waiters:
                root._waiters.remove(waiter)
            elif waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self._give_back(amount, role)  # granted in the same step as the cancellation
            root._admit()
            if isinstance(end, TimeoutError):
                raise PastDeadline(PAST_DEADLINE) from None
            raise
        return Reservation(amount, role)

    def settle(self, reservation: Reservation, real: Amount) -> int:
        """Replace a claim by what was really billed; the rest is free again.

        Returns:
            The overrun in nano-dollars: what was billed beyond the claim (0 normally). Any overrun, of money or of
            tokens, closes every capped scope above: no further call is admitted.
        """
        self._close_claim(reservation)
        asked = reservation.amount
        over = max((real.nusd or 0) - (asked.nusd or 0), 0)
        beyond = over > 0 or real.input_tokens > asked.input_tokens or real.output_tokens > asked.output_tokens
        for b in self._chain:
            _add(b.reserved, asked, -1)
            _add(b.settled, real, 1)
            b.reserved_by_role[reservation.role] -= asked.calls
            b.settled_by_role[reservation.role] = b.settled_by_role.get(reservation.role, 0) + real.calls
            b.overrun_nusd += over
            if beyond and (b._caps or b.limits.calls_by_role) and not b.closed:
                b.closed = "the provider billed more than was asked for"
        self._root._admit()
        return over

    def release(self, reservation: Reservation) -> None:
        """Give a claim back whole: nothing was bought."""
        self._close_claim(reservation)
        self._give_back(reservation.amount, reservation.role)
        self._root._admit()

    def _seconds_left(self) -> float | None:
        deadline_s = self.deadline_s
        return None if deadline_s is None or self._clock is None else max(deadline_s - self._clock(), 0.0)

    def _close_claim(self, reservation: Reservation) -> None:
        if not reservation.open:
            raise RuntimeError("this reservation was already settled or released")
        reservation.open = False

    def _take(self, amount: Amount, role: str) -> Reservation:
        for b in self._chain:
            _add(b.reserved, amount, 1)
            b.reserved_by_role[role] = b.reserved_by_role.get(role, 0) + amount.calls
        return Reservation(amount, role)

    def _give_back(self, amount: Amount, role: str) -> None:
        for b in self._chain:
            _add(b.reserved, amount, -1)
            b.reserved_by_role[role] -= amount.calls

    def _blocker(self, amount: Amount, role: str) -> Budget | None:
        """The first scope in which the amount does not fit beside what is settled and reserved."""
        for b in self._binding:
            for d, cap in b._caps:
                if b.settled[d] + b.reserved[d] + (getattr(amount, d) or 0) > cap:
                    return b
            most = b.limits.calls_by_role.get(role)
            if most is not None:
                taken = b.settled_by_role.get(role, 0) + b.reserved_by_role.get(role, 0)
                if taken + amount.calls > most:
                    return b
        return None

    def _refuse_if_hopeless(self, amount: Amount, role: str) -> None:
        """Raise if the amount would not fit even when everything in flight gave its claims back."""
        for b in self._binding:
            if b.closed:
                raise BudgetExceeded(f"The budget is closed: {b.closed}.")
            if b.limits.deadline_s is not None and b._clock is not None and b._clock() >= b.limits.deadline_s:
                raise PastDeadline(PAST_DEADLINE)
            for d, cap in b._caps:
                if (asked := getattr(amount, d) or 0) > cap - b.settled[d]:
                    raise BudgetExceeded(_too_small(d, asked, cap, b.settled[d]))
            most = b.limits.calls_by_role.get(role)
            if most is not None and amount.calls > most - b.settled_by_role.get(role, 0):
                raise BudgetExceeded(
                    f"The budget allows {most} calls of the role {role}; "
                    f"{b.settled_by_role.get(role, 0)} are made."
                )

    @property
    def in_flight(self) -> bool:
        """Whether claims are held that will be settled or released, here or in a scope above."""
        return any(claim for b in self._chain for claim in b.reserved.values())

    async def change(self) -> None:
        """Return after the next claim of this tree was settled or released."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._root._watchers.append(future)
        await future

    def _admit(self) -> None:
        """Grant, in order, every waiter that fits now; later ones do not overtake within a shared, blocked scope."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)
        blocked: set[int] = set()
        for waiter in tuple(self._waiters):
            if waiter.future.done():
                self._waiters.remove(waiter)
                continue
            budget = waiter.budget
            try:
                budget._refuse_if_hopeless(waiter.amount, waiter.role)
            except BudgetExceeded as refusal:
                self._waiters.remove(waiter)
                waiter.future.set_exception(refusal)
                continue
            if any(id(b) in blocked for b in budget._chain):
                continue
            blocker = budget._blocker(waiter.amount, waiter.role)
            if blocker is not None:
                blocked.add(id(blocker))
                continue
            self._waiters.remove(waiter)
            budget._take(waiter.amount, waiter.role)
            waiter.future.set_result(None)


def _add(sums: dict[str, int], amount: Amount, sign: int) -> None:
    sums["nusd"] += sign * (amount.nusd or 0)
    sums["input_tokens"] += sign * amount.input_tokens
    sums["output_tokens"] += sign * amount.output_tokens
    sums["calls"] += sign * amount.calls


def _too_small(dimension: str, asked: int, cap: int, settled: int) -> str:
    if dimension == "nusd":
        return (
            f"The budget of {show(cap)} is too small: {show(settled)} is spent and the next call can cost up to "
            f"{show(asked)}; raise --max-usd or lower the output bound."
        )
    word = dimension.replace("_", " ")
    return f"The budget of {cap} {word} is too small: {settled} are spent and the next call can take {asked}."
