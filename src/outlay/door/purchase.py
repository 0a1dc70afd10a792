"""One upstream request with its retries: reserve, write ahead, stream, count, settle, trace.

Whatever happens in between, an error, a deadline, a cancellation, the reservation ends and the ledger row is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing

import msgspec

from outlay import chain
from outlay.budget import Amount, Budget, Reservation
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.metering import Tally
from outlay.door.session import Ask, Asked, Spent
from outlay.door.settlement import Ending, count_elsewhere, settle
from outlay.errors import (
    BudgetExceeded,
    Crowded,
    OutlayError,
    ProviderError,
    TimedOut,
    Unreachable,
    UsageError,
    unsent,
)
from outlay.models.retry import delay_s
from outlay.store.protocol import Opened
from outlay.trace import Replay, in_micros
from outlay.types import Completion, Delta, Request, Usage

NEVER_SENT = "cancelled before it was sent"
"""What the ledger says of a call that a cancellation ended while it waited for its turn: it is free."""


class Purchase:
    """One upstream request with its retries."""

    def __init__(
        self,
        book: Book,
        budget: Budget,
        ask: Ask,
        label: str,
        indices: list[int],
        seeds: Mapping[int, int | None],
        asked: Asked,
        spent: Spent,
        on_delta: Callable[[int, Delta], None] | None,
    ):
        self.book, self.session, self.budget, self.ask, self.label = book, book.session, budget, ask, label
        self.indices, self.seeds, self.asked, self.spent, self.on_delta = indices, seeds, asked, spent, on_delta
        self.seat = ask.seat
        self.card = book.card(self.seat)
        self.onward: set[int] = set()
        """Samples that the next model of the chain may be asked for."""
        self.breaker, self.told = book.session.breakers.get(self.seat), False

    async def buy(self) -> dict[int, Completion | OutlayError]:
        """Buy the samples, trying again where that can help; each attempt is a purchase of its own in the ledger."""
        results: dict[int, Completion | OutlayError] = {}
        wanted, attempt = self.indices, 0
        while True:
            key = f"{self.seat}/{self.label}/{wanted[0]}" + (f"~{attempt}" if attempt else "")
            if self.book.replay is not None:
                part, wait_s = await self._repeat(key, wanted, self.book.replay)
            else:
                part, wait_s = await self._guarded(key, wanted, attempt)
            results.update(part)
            if wait_s is None:
                return results
            wanted, attempt = [i for i in wanted if isinstance(part[i], ProviderError)], attempt + 1
            if self.book.replay is None:
                await self.session.sleep(wait_s)

    async def _guarded(
        self, key: str, wanted: list[int], attempt: int
    ) -> tuple[dict[int, Completion | OutlayError], float | None]:
        """An attempt, unless the model's breaker is open and another model stands behind it."""
        breaker, self.told = self.breaker, False
        if breaker is None:
            return await self._attempt(key, wanted, attempt)
        if self.ask.more and not breaker.admits():
            why = f"{self.card.name} failed too often and is left alone for a while"
            self.book.trace.add("skip", key, self.book.now_s(), why=why)
            self.onward.update(wanted)
            return dict.fromkeys(wanted, Unreachable(why)), None
        try:
            return await self._attempt(key, wanted, attempt)
        finally:
            if not self.told:
                breaker.left()

    def _tell(self, failure: ProviderError | None) -> None:
        """Let the breaker know how the model fared."""
        self.told = True
        if self.breaker is None:
            return
        if failure is None or not chain.elsewhere(failure):
            self.breaker.succeeded()
        else:
            self.breaker.failed(failure.retry_after_s)

    async def _attempt(
        self, key: str, wanted: list[int], attempt: int
    ) -> tuple[dict[int, Completion | OutlayError], float | None]:
        granted, reservation, refusal = await self._reserve(wanted)
        row = None
        if reservation is not None:
            row = self.book.opened(
                self.ask.question_id,
                self.ask.role,
                self.card.name,
                granted[0],
                len(granted),
                reservation.amount,
            )
            try:
                await write_ahead(self.book, self.budget, reservation, row)
            except BudgetExceeded as over_quota:
                granted, row, refusal = [], None, over_quota
        refused = dict.fromkeys(wanted[len(granted) :], refusal) if refusal else {}
        self.book.trace.add("grant", key, self.book.now_s(), samples=granted, refused=str(refusal or ""))
        if reservation is None or row is None:
            return dict(refused), None
        results, wait_s = await self._spend(key, granted, row, reservation, attempt)
        return {**results, **refused}, wait_s

    async def _reserve(self, wanted: list[int]) -> tuple[list[int], Reservation | None, BudgetExceeded | None]:
        """Claim the worst case of as many of the samples as the budget admits, the lowest indices first."""
        refusal: BudgetExceeded | None = None
        for n in range(len(wanted), 0, -1):
            claim = self._claim(n)
            try:
                return (
                    wanted[:n],
                    await self.budget.reserve(claim, role=self.ask.role, order=(wanted[0],)),
                    refusal,
                )
            except BudgetExceeded as error:
                refusal = error
        return [], None, refusal

    def _claim(self, n: int) -> Amount:
        most = bounds.amount(
            self.card,
            prompts=1,
            input_tokens=self.asked.input_tokens,
            n=n,
            output_tokens=self.asked.max_output_tokens,
        )
        return msgspec.structs.replace(most, nusd=None) if self.asked.open_ended else most

    async def _spend(
        self, key: str, granted: list[int], row: Opened, reservation: Reservation, attempt: int
    ) -> tuple[dict[int, Completion | OutlayError], float | None]:
        """Stream and settle; whatever happens, the reservation ends and the ledger row is closed."""
        request = Request(
            messages=self.ask.messages,
            max_output_tokens=self.asked.max_output_tokens,
            n=len(granted),
            seed=self.seeds[granted[0]],
            prefix=self.ask.prefix,
            sampling=self.ask.sampling,
            question_id=self.ask.question_id if self.label == "draw" else "",
            sample_indices=tuple(granted),
            verbatim=self.ask.verbatim,
            left_s=self._left_s(),
        )
        tally, error, wait_s = Tally(len(granted)), None, None
        sent, start = True, self.book.now_s()
        try:
            if request.left_s is None:
                await self._stream(request, tally)
            else:
                async with asyncio.timeout(request.left_s):
                    await self._stream(request, tally)
        except ProviderError as failure:
            error, sent = failure, failure.billed or tally.started
            if not isinstance(failure, Crowded):
                self._tell(failure)
            if not self._final(tally):
                wait_s = self._in_time(delay_s(failure, attempt, self.session.jitter))
        except TimeoutError as late:
            sent = not unsent(late)
            error = TimedOut("the deadline passed while the sample was being drawn")
        except asyncio.CancelledError as left:
            sent = not unsent(left)
            error = None if sent else ProviderError(NEVER_SENT)
            raise
        except UsageError:
            sent = False
            raise
        else:
            error = tally.broken_promise()
            self._tell(error)
        finally:
            latency_s = in_micros(self.book.now_s() - start)
            onward = wait_s is None and error is not None and self._goes_on(error, tally)
            ended = Ending(key, row, reservation, request, tally, error, sent, latency_s, wait_s, onward)
            results = await settle(self.book, self.budget, self.ask, self.asked, self.spent, ended)
        self._go_on(results, onward)
        return results, wait_s

    def _final(self, tally: Tally) -> bool:
        """Whether a failure stands: the reply had begun, the client decides, or another model is the better try."""
        given_up = self.ask.more and self.breaker is not None and self.breaker.state != "closed"
        return tally.started or self.ask.verbatim or given_up

    def _go_on(self, results: Mapping[int, Completion | OutlayError], onward: bool) -> None:
        """Note which samples the next model of the chain is asked for."""
        if onward:
            self.onward.update(i for i, result in results.items() if isinstance(result, ProviderError))

    def _goes_on(self, failure: ProviderError, tally: Tally) -> bool:
        """Whether the next model of the chain may be asked: never once somebody may have seen this one's words."""
        seen = tally.started and self.on_delta is not None
        return self.ask.more and not seen and chain.elsewhere(failure) and self._in_time(0.0) is not None

    def _in_time(self, wait_s: float | None) -> float | None:
        """The wait before the next try, or None where the deadline would pass in it."""
        deadline_s = self.budget.deadline_s
        if wait_s is None or deadline_s is None:
            return wait_s
        return wait_s if self.session.clock() + wait_s < deadline_s else None

    def _left_s(self) -> float | None:
        """Seconds until the deadline; None is no deadline."""
        deadline_s = self.budget.deadline_s
        return None if deadline_s is None else max(deadline_s - self.session.clock(), 0.0)

    async def _stream(self, request: Request, tally: Tally) -> None:
        provider, on_delta = self.session.providers[self.seat], self.on_delta
        async with aclosing(provider.stream(request)) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                tally.add(delta)
                if on_delta is not None and delta.choice is not None and delta.choice < request.n:
                    on_delta(request.sample_indices[delta.choice], delta)
        tally.ended = True

    async def _repeat(
        self, key: str, wanted: list[int], replay: Replay
    ) -> tuple[dict[int, Completion | OutlayError], float | None]:
        """The recorded outcome of this attempt, at its recorded turn."""
        if self.ask.more and replay.left("skip", key):
            skip = await replay.turn(("skip",), key)
            self.book.trace.events.append(skip)
            self.onward.update(wanted)
            return dict.fromkeys(wanted, Unreachable(skip["why"])), None
        grant = await replay.turn(("grant",), key)
        self.book.trace.events.append(grant)
        granted = grant["samples"]
        results: dict[int, Completion | OutlayError] = {
            i: BudgetExceeded(grant["refused"]) for i in wanted if i not in granted
        }
        if not granted:
            return results, None
        end = await replay.turn(("settle",), key)
        self.book.trace.events.append(end)
        self.spent.add(
            msgspec.convert(end["usage"], Usage),
            calls=end["calls"],
            cost=end["cost_nusd"],
            paid=end["cost_nusd"],
            overrun=end["overrun_nusd"],
            closed=end["closed"],
        )
        drawn = {c.sample: c for c in msgspec.convert(end["completions"], list[Completion])}
        for i in granted:
            results[i] = drawn.get(i) or ProviderError(end["error"], fatal=end["fatal"])
        self._go_on(results, end.get("onward", False))
        count_elsewhere(self.book, self.ask, self.spent, len(drawn))
        return results, end["wait_s"]


async def write_ahead(book: Book, budget: Budget, reservation: Reservation, row: Opened) -> None:
    """Write a reservation to the ledger before anything is sent.

    Where that fails, or a key's quota refuses it, the reservation is released. A cancellation may come after the row
    was handed over: then the row is closed too, as never sent, or it would later count as lost.
    """
    store = book.session.store
    try:
        await store.write_ahead(row)
    except asyncio.CancelledError:
        budget.release(reservation)
        store.settle(book.ended(row, "failed", 0, 0, Usage(0, 0), "", NEVER_SENT))
        raise
    except BaseException:
        budget.release(reservation)
        raise
