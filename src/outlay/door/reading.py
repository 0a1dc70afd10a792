"""A purchase whose reply has no tokens of its own (vectors, scores): reserved, retried, settled, cached and traced."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from outlay.budget import Amount, Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Spent
from outlay.errors import BudgetExceeded, ProviderError, TimedOut
from outlay.models.retry import delay_s
from outlay.money import FREE, cost_nusd
from outlay.types import Usage

R = TypeVar("R")
K = TypeVar("K", bound=Struct)


class Kind(Struct, frozen=True):
    """What is bought: how the call cache and the trace name it, and what a deadline that passes was waiting for."""

    cached: str
    attempt: str
    outcome: str
    awaited: str


EMBEDDINGS = Kind("embed", "embedded", "embeddings", "embeddings were awaited")
RATING = Kind("rate", "rated", "rating", "a score was awaited")


class Reading:
    """One request for something that is read from a model.

    Args:
        kind: what.
        book: the session's book.
        budget: of the run.
        question_id: what the ledger books it under.
        role: whose model is asked.
        key: its name in the trace, unique within the answer.
        spent: what the run has bought; is added to.
    """

    def __init__(
        self, kind: Kind, book: Book, budget: Budget, question_id: str, role: str, key: str, spent: Spent
    ):
        self._kind, self._book, self._budget, self._question_id = kind, book, budget, question_id
        self._role, self._key, self._spent = role, key, spent
        self._card, self._session = book.card(role), book.session

    @property
    def model(self) -> str:
        """The model's name."""
        return self._card.name

    def cache_key(self, text: str) -> str:
        """Under what the call cache keeps what this model says of a text."""
        body = msgspec.json.encode([self._session.cache_owner, self._card.identity, self._kind.cached, text])
        return hashlib.blake2b(body, digest_size=20).hexdigest()

    async def cached(self, keys: list[str], kept: type[K]) -> dict[str, K]:
        """What the call cache has of these, where the session may read it."""
        if not self._session.cache:
            return {}
        return {
            k: msgspec.json.decode(v, type=kept) for k, v in (await self._session.store.cached(keys)).items()
        }

    async def buy(
        self,
        most: int,
        send: Callable[[Any], Awaitable[tuple[R, Usage | None]]],
        kept: Callable[[R, Usage], Mapping[str, K]],
    ) -> Mapping[str, K]:
        """What the reply comes to, by cache key; bought again, as a purchase of its own, where a failure may pass.

        Args:
            most: input tokens of the request, at most.
            send: asks the provider; returns its reply and the usage, None where the reply did not say.
            kept: the entries for the call cache, of the reply and its usage.

        Raises:
            BudgetExceeded: it does not fit.
            ProviderError: it failed, after the retries that every call gets.
        """
        attempt = 0
        while True:
            try:
                return await self._attempt(most, send, kept)
            except BudgetExceeded as refusal:
                self.tell(refused=str(refusal))
                raise
            except ProviderError as error:
                wait_s = delay_s(error, attempt, self._session.jitter)
                if wait_s is None:
                    self.tell(error=str(error), fatal=error.fatal)
                    raise
                await self._session.sleep(wait_s)
                attempt += 1

    def hit(self, usage: Usage) -> None:
        """Count what the call cache served: it costs and is not paid."""
        price = self._card.price
        cost = None if price is None else cost_nusd(price, usage)
        self._count(usage, 1, cost, 0)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, Amount(cost))
        self._session.store.record_cached(row, self._book.ended(row, "cached", cost, 0, usage, "", ""))

    def tell(self, **outcome: Any) -> None:
        """Put the outcome into the trace."""
        self._book.trace.add(self._kind.outcome, self._key, self._book.now_s(), **outcome)

    async def again(self) -> dict[str, Any]:
        """The recorded outcome, its attempts counted as they were.

        Raises:
            BudgetExceeded, ProviderError: what was raised then.
        """
        replay = self._book.replay
        assert replay is not None
        while True:
            event = await replay.turn((self._kind.attempt, self._kind.outcome), self._key)
            self._book.trace.events.append(event)
            if event["event"] == self._kind.attempt:
                counted = {k: event[k] for k in ("calls", "closed")}
                nusd = {k: event[f"{k}_nusd"] for k in ("cost", "paid", "overrun")}
                self._spent.add(msgspec.convert(event["usage"], Usage), **counted, **nusd)
            elif refused := event.get("refused"):
                raise BudgetExceeded(refused)
            elif error := event.get("error"):
                raise ProviderError(error, fatal=event["fatal"])
            else:
                return event

    async def _attempt(
        self,
        most: int,
        send: Callable[[Any], Awaitable[tuple[R, Usage | None]]],
        kept: Callable[[R, Usage], Mapping[str, K]],
    ) -> Mapping[str, K]:
        claim = bounds.amount(self._card, prompts=1, input_tokens=most, n=1, output_tokens=0)
        reservation = await self._budget.reserve(claim, role=self._role)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, claim)
        await write_ahead(self._book, self._budget, reservation, row)
        bound = Usage(claim.input_tokens, 0)
        found: Mapping[str, K] = {}
        state, usage, mark, said = "failed", Usage(0, 0), "", ""
        try:
            reply, told = await self._sent(send)
            state, usage, mark = "settled", told or bound, "" if told else "unreconciled"
            found = kept(reply, usage)
        except ProviderError as error:
            said = str(error)
            if error.billed:
                state, usage, mark = "settled", bound, "unreconciled"
            raise
        except asyncio.CancelledError:
            state, usage, mark, said = "settled", bound, "unreconciled", "cancelled"
            raise
        finally:
            price, calls = self._card.price if state == "settled" else FREE, int(state == "settled")
            cost = None if price is None else cost_nusd(price, usage)
            overrun = self._budget.settle(reservation, Amount(cost, usage.input_tokens, 0, calls))
            self._count(usage, calls, cost, cost, overrun)
            rows = [(k, msgspec.json.encode(v).decode()) for k, v in found.items()]
            ended = self._book.ended(row, state, cost, overrun, usage, mark, said)
            self._session.store.settle(ended, rows if self._session.cache else ())
        return found

    async def _sent(self, send: Callable[[Any], Awaitable[tuple[R, Usage | None]]]) -> tuple[R, Usage | None]:
        deadline_s = self._budget.deadline_s
        left_s = None if deadline_s is None else max(deadline_s - self._session.clock(), 0.0)
        try:
            async with asyncio.timeout(left_s):
                return await send(self._session.providers[self._role])
        except TimeoutError:
            raise TimedOut(f"the deadline passed while {self._kind.awaited}", billed=True) from None

    def _count(self, usage: Usage, calls: int, cost: int | None, paid: int | None, overrun: int = 0) -> None:
        closed = self._budget.why_closed
        self._spent.add(usage, calls=calls, cost=cost, paid=paid, overrun=overrun, closed=closed)
        nusd = {"cost_nusd": cost, "paid_nusd": paid, "overrun_nusd": overrun}
        self._book.trace.add(
            self._kind.attempt, self._key, self._book.now_s(), usage=usage, calls=calls, closed=closed, **nusd
        )
