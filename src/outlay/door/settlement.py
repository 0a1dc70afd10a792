"""How one attempt to buy ends: what it used is measured, settled in the budget, the ledger and the trace.

It runs whatever happened before, also while the buyer is being cancelled: the reservation and the ledger row never
outlive the attempt.
"""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct

from outlay.budget import Amount, Budget, Reservation
from outlay.door.book import Book
from outlay.door.metering import Tally
from outlay.door.session import Ask, Asked, Spent
from outlay.errors import OutlayError, ProviderError
from outlay.money import FREE, cost_nusd
from outlay.store.protocol import Opened
from outlay.types import Completion, Request, Usage


class Ending(Struct, frozen=True):
    """One attempt at the moment it ended."""

    key: str
    row: Opened
    reservation: Reservation
    request: Request
    tally: Tally
    error: ProviderError | None
    sent: bool
    """Whether the upstream may have billed it."""
    latency_s: float
    wait_s: float | None
    """Seconds until the next try; None is no further try."""
    onward: bool
    """Whether the next model of the chain is asked for what failed."""


async def settle(
    book: Book, budget: Budget, ask: Ask, asked: Asked, spent: Spent, ended: Ending
) -> dict[int, Completion | OutlayError]:
    """The samples of an attempt, each a completion or why there is none, once everything it used is settled.

    A cancellation that comes while it is measured is raised after the settlement, which then stands at the bound.
    """
    request, tally, error, sent = ended.request, ended.tally, ended.error, ended.sent
    card, n = book.card(ask.seat), ended.request.n
    total, mark, cancelled = await _measured(book, ask, ended)
    price = card.price if sent else FREE
    cost = None if price is None else cost_nusd(price, total)
    calls = n if sent else 0
    overrun = budget.settle(ended.reservation, Amount(cost, total.input_tokens, total.output_tokens, calls))
    closed = budget.why_closed
    spent.add(total, calls=calls, cost=cost, paid=cost, overrun=overrun, closed=closed)
    drawn = tally.completions(request, total, batch=ended.key, latency_s=ended.latency_s, mark=mark)
    whole = [c for c, choice in zip(drawn, tally.choices, strict=True) if choice.finish_reason]
    count_elsewhere(book, ask, spent, len(whole))
    text = str(error or "")
    book.session.store.settle(
        book.ended(ended.row, "settled" if sent else "failed", cost, overrun, total, mark, text),
        [(asked.cache_keys[c.sample], msgspec.json.encode(c).decode()) for c in whole]
        if asked.cache_keys and (tally.ended or mark != "unreconciled")
        else (),
    )
    book.trace.add(
        "settle",
        ended.key,
        book.now_s(),
        completions=whole,
        error=text,
        usage=total,
        calls=calls,
        cost_nusd=cost,
        overrun_nusd=overrun,
        fatal=bool(error and error.fatal),
        wait_s=ended.wait_s,
        closed=closed,
        **({"onward": True} if ended.onward else {}),
    )
    if cancelled is not None:
        raise cancelled
    return {
        i: c if error is None or choice.finish_reason else error
        for i, c, choice in zip(request.sample_indices, drawn, tally.choices, strict=True)
    }


def count_elsewhere(book: Book, ask: Ask, spent: Spent, whole: int) -> None:
    """Note what a model further down its chain has served."""
    if ask.link and whole:
        name = book.card(ask.seat).name
        spent.elsewhere[name] = spent.elsewhere.get(name, 0) + whole


async def _measured(book: Book, ask: Ask, ended: Ending) -> tuple[Usage, str, asyncio.CancelledError | None]:
    """What was used and how that is known: at the bound where it cannot be counted, or not be waited for."""
    claim = ended.reservation.amount
    bound = Usage(claim.input_tokens, claim.output_tokens)
    if not ended.sent:
        return Usage(0, 0), "", None
    try:
        provider, card = book.session.providers[ask.seat], book.card(ask.seat)
        return *await ended.tally.measure(provider, ended.request, card, bound), None
    except ProviderError:
        return bound, "unreconciled", None
    except asyncio.CancelledError as cancellation:
        return bound, "unreconciled", cancellation
