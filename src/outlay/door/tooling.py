"""One call of a tool: reserved, written ahead, limited in time, settled and traced. Whatever it does is data."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from outlay.budget import Amount, Budget
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Spent
from outlay.door.work import CPU_NUSD_PER_S
from outlay.errors import BudgetExceeded, OutlayError
from outlay.prompts._data import cut
from outlay.prompts.agent import plain
from outlay.tools._tool import Tool
from outlay.types import Usage

GRACE_S = 1.0
"""How long a tool that is out of time may take to stop, in seconds; then it is left behind."""
LARGEST_ERROR = 500
ROLE = "tool/"
"""Calls of a tool are counted and booked under this and its name."""


class Said(Struct, frozen=True, omit_defaults=True):
    """What a tool said, cut to its cap; `failed`: it did not do what it was asked, and the text says why."""

    text: str
    failed: bool = False


async def use(
    book: Book,
    budget: Budget,
    question_id: str,
    tool: Tool,
    key: str,
    work: Callable[[], Awaitable[Any]],
    spent: Spent,
) -> Said:
    """What a tool says. It costs its price and the seconds it takes, at the price of a core, also where it fails.

    The worst case is reserved first, so that no budget but a deadline can end within a call; a deadline shortens it.

    Raises:
        BudgetExceeded: the call does not fit; it was not made.
    """
    if book.replay is not None:
        event = await book.replay.turn(("tool",), key)
        book.trace.events.append(event)
        if refused := event.get("refused"):
            raise BudgetExceeded(refused)
        spent.add(Usage(0, 0), calls=1, cost=event["cost_nusd"], paid=event["cost_nusd"])
        return msgspec.convert(event["said"], Said)
    clock, role = book.session.clock, ROLE + tool.name
    claim = Amount(nusd=most_nusd(tool), calls=1)
    row = book.opened(question_id, role, tool.source, 0, 1, claim)
    try:
        reservation = await budget.reserve(claim, role=role)
        await write_ahead(book, budget, reservation, row)
    except BudgetExceeded as refusal:
        book.trace.add("tool", key, book.now_s(), refused=str(refusal))
        raise
    left_s = None if budget.deadline_s is None else max(budget.deadline_s - clock(), 0.0)
    start, error = clock(), "cancelled"
    try:
        said = await _limited(tool, work, left_s)
        error = said.text[:LARGEST_ERROR] if said.failed else ""
    finally:
        cost = min(tool.nusd + _core_nusd(clock() - start), claim.nusd or 0)
        budget.settle(reservation, Amount(nusd=cost, calls=1))
        spent.add(Usage(0, 0), calls=1, cost=cost, paid=cost)
        book.session.store.settle(book.ended(row, "settled", cost, 0, Usage(0, 0), "", error))
    book.trace.add("tool", key, book.now_s(), said=said, cost_nusd=cost)
    return said


def most_nusd(tool: Tool) -> int:
    """The most that one call of a tool costs, in nano-dollars."""
    return tool.nusd + _core_nusd(tool.seconds)


def _core_nusd(seconds: float) -> int:
    return math.ceil(seconds * CPU_NUSD_PER_S)


async def _limited(tool: Tool, work: Callable[[], Awaitable[Any]], left_s: float | None) -> Said:
    """What the tool says within its time, or that it did not end in it."""
    most_s = tool.seconds if left_s is None else min(tool.seconds, left_s)
    task = asyncio.ensure_future(_told(tool, work))
    try:
        await asyncio.wait({task}, timeout=most_s)
        if task.done():
            return Said("it was cancelled from within", True) if task.cancelled() else task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
    whose = "the deadline" if left_s is not None and left_s <= tool.seconds else f"its {tool.seconds:g} s"
    still = "" if task.done() else " and does not stop"
    return Said(f"{tool.name} did not end within {whose}{still}", True)


async def _told(tool: Tool, work: Callable[[], Awaitable[Any]]) -> Said:
    # The boundary of foreign code: whatever a tool raises is what it said, and never ends the answer.
    try:
        return Said(cut(_text(await work()), tool.bytes))
    except OutlayError as error:
        return Said(cut(str(error), tool.bytes), True)
    except (Exception, SystemExit) as error:
        return Said(cut(f"{type(error).__name__}: {error}", tool.bytes), True)


def _text(value: Any) -> str:
    """What a tool returned, as text without control characters; anything but text is written as JSON."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return plain(text).strip() or "[nothing]"
