"""Work on this machine, charged by the second; a resumed run does not do it again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any

import msgspec

from outlay.budget import Amount, Budget
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Session, Spent
from outlay.errors import BudgetExceeded
from outlay.types import Usage

CPU_NUSD_PER_S = 11_112
"""A second of one core of this machine: $0.04 an hour, rounded up, in nano-dollars."""
FAILED = "failed"
"""The key under which a result says that the work failed; such a result is not kept."""


async def work_of(
    book: Book,
    budget: Budget,
    question_id: str,
    key: str,
    most_s: float,
    work: Callable[[], Awaitable[Any]],
    spent: Spent,
    same: str | None = None,
) -> Any:
    """The traced result of work on this machine, charged by the second.

    Where the call cache is on, a result is kept for its run, question and key, in the commit that settles its cost:
    the same run asking again with the same `same` gets it for nothing. Another run does the work anew, since what
    `same` does not tell of (a file that a command reads) may have changed. A failure is not kept.

    Args:
        book: writes the trace and the ledger, or replays.
        budget: admits it.
        question_id: what the ledger books it under.
        key: names the work within the answer.
        most_s: seconds that are reserved.
        work: what is done; its result is plain data.
        spent: sums up.
        same: all that the result follows from, as far as is known; None: never kept.

    Raises:
        BudgetExceeded: it does not fit.

    Cost: the seconds it takes at `CPU_NUSD_PER_S`, at most `most_s`.
    """
    if book.replay is not None:
        event = await book.replay.turn(("seconds",), key)
        book.trace.events.append(event)
        if event.get("refused"):
            raise BudgetExceeded(event["refused"])
        _count(spent, event["cost_nusd"], event.get("paid_nusd"))
        return event["value"]
    session = book.session
    kept_as = None if same is None or not session.cache else _cache_key(session, question_id, key, same)
    if kept_as is not None and kept_as in (found := await session.store.cached([kept_as])):
        return _served(book, question_id, key, msgspec.json.decode(found[kept_as]), spent)
    most = int(most_s * CPU_NUSD_PER_S) + 1
    claim = Amount(nusd=most, calls=1)
    row = book.opened(question_id, "sandbox", "cpu", 0, 1, claim)
    try:
        reservation = await budget.reserve(claim, role="sandbox")
        await write_ahead(book, budget, reservation, row)
    except BudgetExceeded as refusal:
        book.trace.add("seconds", key, book.now_s(), refused=str(refusal))
        raise
    start, value = session.clock(), None
    try:
        value = await work()
    finally:
        cost = min(int((session.clock() - start) * CPU_NUSD_PER_S) + 1, most)
        budget.settle(reservation, Amount(nusd=cost, calls=1))
        _count(spent, cost, None)
        kept = [] if kept_as is None or _failed(value) else [(kept_as, _encoded(value, cost))]
        session.store.settle(book.ended(row, "settled", cost, 0, Usage(0, 0), "", ""), kept)
    book.trace.add("seconds", key, book.now_s(), value=value, cost_nusd=cost)
    return value


def _failed(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and FAILED in value)


def _encoded(value: Any, cost: int) -> str:
    return msgspec.json.encode({"value": value, "cost_nusd": cost}).decode()


def _count(spent: Spent, cost: int, paid: int | None) -> None:
    """Count the work; `paid` None: all of it, else what the call cache served, whose seconds count all the same."""
    spent.add(Usage(0, 0), calls=1, cost=cost, paid=cost if paid is None else paid)
    if paid is not None:
        spent.served_s += cost / CPU_NUSD_PER_S


def _cache_key(session: Session, question_id: str, key: str, same: str) -> str:
    parts = msgspec.json.encode(["work", session.cache_owner, session.run_id, question_id, key, same])
    return blake2b(parts, digest_size=20).hexdigest()


def _served(book: Book, question_id: str, key: str, kept: dict[str, Any], spent: Spent) -> Any:
    """What the run was told before: it costs, and nothing is paid."""
    value, cost = kept["value"], kept["cost_nusd"]
    row = book.opened(question_id, "sandbox", "cpu", 0, 1, Amount(nusd=cost, calls=1))
    book.session.store.record_cached(row, book.ended(row, "cached", cost, 0, Usage(0, 0), "", ""))
    _count(spent, cost, 0)
    book.trace.add("seconds", key, book.now_s(), value=value, cost_nusd=cost, paid_nusd=0)
    return value
