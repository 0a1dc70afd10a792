"""Scores of a reward model through the run: reserved, metered, traced, and kept by the call cache text by text."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec

from outlay.budget import Amount, Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Spent
from outlay.errors import BudgetExceeded, MissingAbility, ProviderError, TimedOut
from outlay.models.provider import Rated
from outlay.models.retry import delay_s
from outlay.money import FREE, cost_nusd
from outlay.types import Usage


async def rate(
    book: Book, budget: Budget, question_id: str, text: str, role: str, label: str, spent: Spent
) -> tuple[float, ...]:
    """The scores that a role's reward model gives the marked steps of a text, in their order.

    Raises:
        UsageError: no model plays the role.
        MissingAbility: its model rates no texts.
        BudgetExceeded: it does not fit.
        ProviderError: the model failed, after the retries that every call gets.
    """
    if "rate" not in (card := book.card(role)).abilities:
        raise MissingAbility(
            f"{card.name} rates no steps; give the role {role} a reward model (rates = true in outlay.toml)."
        )
    return await _Rating(book, budget, question_id, text, role, f"{role}/{label}", spent).scores()


class _Rating:
    """The purchase of one text's scores."""

    def __init__(
        self, book: Book, budget: Budget, question_id: str, text: str, role: str, key: str, spent: Spent
    ):
        self._book, self._budget, self._question_id, self._text = book, budget, question_id, text
        self._role, self._key, self._spent = role, key, spent
        self._card, self._session = book.card(role), book.session

    async def scores(self) -> tuple[float, ...]:
        """The scores from the call cache, or bought."""
        if self._book.replay is not None:
            return await self._again()
        found: dict[str, str] = {}
        if self._session.cache:
            found = await self._session.store.cached([self._cache_key()])
        if found:
            rated = msgspec.json.decode(*found.values(), type=Rated)
            self._count_hit(rated)
        else:
            rated = await self._buy()
        self._book.trace.add("rating", self._key, self._book.now_s(), scores=rated.scores)
        return rated.scores

    async def _buy(self) -> Rated:
        attempt = 0
        while True:
            try:
                return await self._attempt()
            except BudgetExceeded as refusal:
                self._book.trace.add("rating", self._key, self._book.now_s(), refused=str(refusal))
                raise
            except ProviderError as error:
                wait_s = delay_s(error, attempt, self._session.jitter)
                if wait_s is None:
                    told = {"error": str(error), "fatal": error.fatal}
                    self._book.trace.add("rating", self._key, self._book.now_s(), **told)
                    raise
                await self._session.sleep(wait_s)
                attempt += 1

    async def _attempt(self) -> Rated:
        most = len(self._text.encode("utf-8", "replace")) + bounds.MESSAGE_OVERHEAD
        claim = bounds.amount(self._card, prompts=1, input_tokens=most, n=1, output_tokens=0)
        reservation = await self._budget.reserve(claim, role=self._role)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, claim)
        await write_ahead(self._book, self._budget, reservation, row)
        bound = Usage(claim.input_tokens, 0)
        rated, state, usage, mark, said = None, "failed", Usage(0, 0), "", ""
        try:
            rated = await self._sent()
            state, usage, mark = "settled", rated.usage or bound, "" if rated.usage else "unreconciled"
            return Rated(rated.scores, usage)
        except ProviderError as error:
            said = str(error)
            if error.billed:
                state, usage, mark = "settled", bound, "unreconciled"
            raise
        except asyncio.CancelledError:
            state, usage, mark, said = "settled", bound, "unreconciled", "cancelled"
            raise
        finally:
            price = self._card.price if state == "settled" else FREE
            cost, calls = None if price is None else cost_nusd(price, usage), int(state == "settled")
            overrun = self._budget.settle(reservation, Amount(cost, usage.input_tokens, 0, calls))
            self._count(usage, calls, cost, cost, overrun)
            kept = (
                [(self._cache_key(), msgspec.json.encode(Rated(rated.scores, usage)).decode())] if rated else ()
            )
            ended = self._book.ended(row, state, cost, overrun, usage, mark, said)
            self._session.store.settle(ended, kept if self._session.cache else ())

    async def _sent(self) -> Rated:
        provider: Any = self._session.providers[self._role]
        deadline_s = self._budget.deadline_s
        left_s = None if deadline_s is None else max(deadline_s - self._session.clock(), 0.0)
        try:
            async with asyncio.timeout(left_s):
                return await provider.rate(self._text)
        except TimeoutError:
            raise TimedOut("the deadline passed while a score was awaited", billed=True) from None

    def _count(self, usage: Usage, calls: int, cost: int | None, paid: int | None, overrun: int = 0) -> None:
        closed = self._budget.why_closed
        counted: dict[str, Any] = {"calls": calls, "closed": closed}
        self._spent.add(usage, cost=cost, paid=paid, overrun=overrun, **counted)
        nusd = {"cost_nusd": cost, "paid_nusd": paid, "overrun_nusd": overrun}
        self._book.trace.add("rated", self._key, self._book.now_s(), usage=usage, **counted, **nusd)

    def _count_hit(self, rated: Rated) -> None:
        usage, price = rated.usage or Usage(0, 0), self._card.price
        cost = None if price is None else cost_nusd(price, usage)
        self._count(usage, 1, cost, 0)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, Amount(cost))
        self._session.store.record_cached(row, self._book.ended(row, "cached", cost, 0, usage, "", ""))

    def _cache_key(self) -> str:
        body = msgspec.json.encode([self._session.cache_owner, self._card.identity, "rate", self._text])
        return hashlib.blake2b(body, digest_size=20).hexdigest()

    async def _again(self) -> tuple[float, ...]:
        """The recorded outcome, its attempts included."""
        replay = self._book.replay
        assert replay is not None
        while True:
            event = await replay.turn(("rated", "rating"), self._key)
            self._book.trace.events.append(event)
            if event["event"] == "rated":
                counted = {k: event[k] for k in ("calls", "closed")}
                nusd = {k: event[f"{k}_nusd"] for k in ("cost", "paid", "overrun")}
                self._spent.add(msgspec.convert(event["usage"], Usage), **counted, **nusd)
            elif refused := event.get("refused"):
                raise BudgetExceeded(refused)
            elif error := event.get("error"):
                raise ProviderError(error, fatal=event["fatal"])
            else:
                return tuple(event["scores"])
