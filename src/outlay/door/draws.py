"""The steps before a purchase: bounds, the call cache, and how many upstream requests a draw becomes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from outlay import chain
from outlay.budget import Amount, Budget
from outlay.concurrency import together
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.confirm import confirm_prefix
from outlay.door.metering import as_bought, total
from outlay.door.purchase import Purchase
from outlay.door.session import Ask, Asked, Session, Spent
from outlay.door.work import work_of
from outlay.errors import BudgetExceeded, ContextFull, OutlayError, ProviderError, Unreachable
from outlay.models.provider import Card
from outlay.money import cost_nusd
from outlay.trace import Replay, Trace
from outlay.types import Completion, Delta, Request, Sampling


class Door:
    """Buys for one answer, writing its trace; or, given a recorded trace, repeats that answer without spending."""

    def __init__(self, session: Session, *, replay: Replay | None = None):
        self.session, self.book = session, Book(session, replay=replay)

    @property
    def trace(self) -> Trace:
        """The trace written so far."""
        return self.book.trace

    def card(self, role: str) -> Card:
        """The card of a role's model; `UsageError` if the plan names none."""
        return self.book.card(role)

    async def draw(
        self,
        budget: Budget,
        ask: Ask,
        label: str,
        indices: Sequence[int],
        run_seed: int,
        spent: Spent,
        on_delta: Callable[[int, Delta], None] | None,
    ) -> list[Completion | OutlayError]:
        """Samples of the given indices, each a completion or the error that took its place, in index order.

        Where several models play the role, each is asked for what those before it failed to answer.
        """
        seats = chain.seats(ask.role, self.session.cards)
        if seats in ([], [ask.role]):
            found, _ = await self._drawn(budget, ask, label, indices, run_seed, spent, on_delta)
            return found
        seats = [seat for seat in seats if seat == seats[0] or _able(self.card(seat), ask)]
        results: dict[int, Completion | OutlayError] = {}
        left = list(indices)
        for number, seat in enumerate(seats):
            link = msgspec.structs.replace(
                ask, link="" if seat == ask.role else seat, more=number + 1 < len(seats)
            )
            found, onward = await self._linked(budget, link, label, left, run_seed, spent, on_delta)
            for i, result in zip(left, found, strict=True):
                # That the budget does not admit the next model says less than why the one before it failed.
                if i not in results or not isinstance(result, BudgetExceeded):
                    results[i] = result
            refused = {i for i, r in zip(left, found, strict=True) if number and isinstance(r, BudgetExceeded)}
            left = [i for i in left if i in onward or i in refused]
            if not left:
                break
        return [results[i] for i in indices]

    async def _linked(
        self,
        budget: Budget,
        ask: Ask,
        label: str,
        indices: Sequence[int],
        run_seed: int,
        spent: Spent,
        on_delta: Callable[[int, Delta], None] | None,
    ) -> tuple[list[Completion | OutlayError], set[int]]:
        """A draw on one model of a chain, and the indices that the next one may be asked for.

        A model that is left alone, or that fails before anything is bought of it, is skipped, which is traced.
        """
        key = f"{ask.seat}/{label}/{indices[0]}+{len(indices)}"
        if self.book.replay is not None:
            if not self.book.replay.left("skip", key):
                return await self._drawn(budget, ask, label, indices, run_seed, spent, on_delta)
            event = await self.book.replay.turn(("skip",), key)
            self.book.trace.events.append(event)
            return [Unreachable(event["why"])] * len(indices), set(indices)
        breaker = self.session.breakers.get(ask.seat)
        why: ProviderError = Unreachable(
            f"{self.card(ask.seat).name} failed too often and is left alone for a while"
        )
        if not (ask.more and breaker is not None and breaker.state == "open"):
            try:
                return await self._drawn(budget, ask, label, indices, run_seed, spent, on_delta)
            except ProviderError as failure:
                if not (ask.more and chain.elsewhere(failure)):
                    raise
                why = failure
                if breaker is not None:
                    breaker.failed(failure.retry_after_s)
        self.book.trace.add("skip", key, self.book.now_s(), why=str(why))
        return [why] * len(indices), set(indices)

    async def _drawn(
        self,
        budget: Budget,
        ask: Ask,
        label: str,
        indices: Sequence[int],
        run_seed: int,
        spent: Spent,
        on_delta: Callable[[int, Delta], None] | None,
    ) -> tuple[list[Completion | OutlayError], set[int]]:
        """A draw on one model, and the indices that the next model of its chain may be asked for."""
        card = self.card(ask.seat)
        key = f"{ask.seat}/{label}/{indices[0]}+{len(indices)}"
        if ask.prefix is not None:
            await confirm_prefix(self.book, budget, msgspec.structs.replace(ask, role=ask.seat), spent)
        seeds = {i: _seed(ask, run_seed, label, i) for i in indices}
        try:
            asked = await self._ask(key, budget, ask, card, seeds)
        except BudgetExceeded as refusal:
            return [refusal] * len(indices), set()
        results: dict[int, Completion | OutlayError] = dict(asked.hits)
        missing = [i for i in indices if i not in results]
        width = card.max_n if card.shares_prompt else 1
        chunks = [missing[i : i + width] for i in range(0, len(missing), width)]
        purchases = [
            Purchase(self.book, budget, ask, label, chunk, seeds, asked, spent, on_delta) for chunk in chunks
        ]
        if len(purchases) == 1:
            results.update(await purchases[0].buy())
        else:
            for part in await together(p.buy() for p in purchases):
                results.update(part)
        spent.served_s += _served_s(asked.hits, [results[i] for i in missing])
        if asked.hits:
            prompts = -(-len(indices) // width) - sum(isinstance(results[c[0]], Completion) for c in chunks)
            self._count_hits(ask, card, asked, spent, prompts=max(prompts, 0))
        return [results[i] for i in indices], {i for p in purchases for i in p.onward}

    async def confirm_prefix(self, budget: Budget, question_id: str, role: str, spent: Spent) -> None:
        """Refuse a role's model that does not continue a given text (`outlay.door.confirm`)."""
        ask = Ask(question_id, role, "probe", (), Sampling(), "", 1)
        await confirm_prefix(self.book, budget, ask, spent)

    async def observe(self, key: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """The traced result of an effect that costs nothing."""
        if self.book.replay is not None:
            event = await self.book.replay.turn(("observe",), key)
            self.book.trace.events.append(event)
            return event["value"]
        value = await look()
        self.book.trace.add("observe", key, self.book.now_s(), value=value)
        return value

    async def seconds(
        self,
        budget: Budget,
        question_id: str,
        key: str,
        most_s: float,
        work: Callable[[], Awaitable[Any]],
        spent: Spent,
        same: str | None = None,
    ) -> Any:
        """The traced result of work on this machine, charged by the second (`outlay.door.work`)."""
        return await work_of(self.book, budget, question_id, key, most_s, work, spent, same)

    async def _ask(
        self, key: str, budget: Budget, ask: Ask, card: Card, seeds: Mapping[int, int | None]
    ) -> Asked:
        """Bounds of the draw and what the call cache already holds of it."""
        if self.book.replay is not None:
            event = await self.book.replay.turn(("ask",), key)
            self.book.trace.events.append(event)
            if event.get("refused"):
                raise BudgetExceeded(event["refused"])
            hits = {c.sample: c for c in msgspec.convert(event["hits"], list[Completion])}
            return Asked(event["input_tokens"], event["max_output_tokens"], hits, {})
        provider = self.session.providers.get(ask.seat)
        request = Request(ask.messages, 1, prefix=ask.prefix, sampling=ask.sampling)
        try:
            size = await bounds.input_bound(provider, card, request, capped_money=budget.capped_money)
            most = await _output_bound(ask, card, budget, size, planned=max(ask.planned, len(seeds)))
        except BudgetExceeded as refusal:
            self.book.trace.add("ask", key, self.book.now_s(), refused=str(refusal))
            raise
        hits: dict[int, Completion] = {}
        keys: dict[int, str] = {}
        if self.session.cache and not ask.verbatim:
            listed = bounds.cache_keys(
                self.session.cache_owner, card, ask.messages, ask.prefix, ask.sampling, most, seeds.items()
            )
            keys = dict(zip(seeds, listed, strict=True))
            found = await self.session.store.cached(listed)
            hits = {i: msgspec.json.decode(found[k], type=Completion) for i, k in keys.items() if k in found}
        self.book.trace.add(
            "ask",
            key,
            self.book.now_s(),
            input_tokens=size[0],
            max_output_tokens=most,
            hits=list(hits.values()),
        )
        return Asked(size[0], most, hits, keys, bounds.open_ended(card, ask.messages))

    def _count_hits(self, ask: Ask, card: Card, asked: Asked, spent: Spent, *, prompts: int) -> None:
        """Cost what came from the call cache as if it were bought with the rest of the draw, in `prompts` requests."""
        hits = list(asked.hits.values())
        parts = as_bought(hits, prompts=prompts if card.shares_prompt else None)
        usage, price = total(parts), card.price
        cost = None if price is None else sum(cost_nusd(price, part) for part in parts)
        spent.add(usage, calls=len(hits), cost=cost, paid=0)
        if self.book.replay is None:
            row = self.book.opened(
                ask.question_id, ask.role, card.name, hits[0].sample, len(hits), Amount(cost)
            )
            self.session.store.record_cached(row, self.book.ended(row, "cached", cost, 0, usage, "", ""))


async def _output_bound(ask: Ask, card: Card, budget: Budget, size: tuple[int, bool], *, planned: int) -> int:
    """The output bound of one sample, after those in flight have settled if what they hold leaves too little."""
    input_tokens, counted = size
    while True:
        try:
            return bounds.output_bound(
                ask.sampling, card, budget, input_tokens, planned=planned, counted=counted
            )
        except ContextFull:
            raise
        except BudgetExceeded:
            if not budget.in_flight:
                raise
            await budget.change()


def _able(card: Card, ask: Ask) -> bool:
    """Whether a further model of a chain can do what the draw needs."""
    needs = {"prefix"} if ask.prefix is not None else set()
    if ask.sampling.top_logprobs is not None:
        needs.add("logprobs")
    if ask.sampling.extra.get("tools"):
        needs.add("tools")
    return needs <= card.abilities


def _seed(ask: Ask, run_seed: int, label: str, index: int) -> int | None:
    """The seed of one sample. A client's own is sent on; choices that need a request of their own count on from it."""
    if not ask.verbatim:
        return bounds.seed_of(run_seed, ask.question_id, ask.role, label, index)
    return None if ask.seed is None else ask.seed + index


def _served_s(hits: Mapping[int, Completion], drawn: Sequence[Completion | OutlayError]) -> float:
    """Seconds that a draw would have taken beyond those it took, had the call cache not served a part of it."""
    cached_s = max((c.latency_s for c in hits.values()), default=0.0)
    return max(cached_s - max((c.latency_s for c in drawn if isinstance(c, Completion)), default=0.0), 0.0)
