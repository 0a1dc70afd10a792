"""What a gateway does between requests: it keeps contexts that come back, and has notes made on them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from outlay.engine import Outlay
from outlay.errors import OutlayError, UsageError
from outlay.gateway.buying import Order
from outlay.gateway.recurring import Recurring
from outlay.sleep._choose import choose
from outlay.sleep._report import nobody_waits
from outlay.sleep._worker import work_one
from outlay.store.contexts import Context, context_id
from outlay.store.sleeping import Sleeping
from outlay.types import Message

IDLE_S = 5.0
"""So long no request may have been under way before offline work begins."""
BUDGETS_ASKED_EVERY_S = 10.0
MOST_WAITING = 64
"""Recognised contexts that wait to be kept; of more, the oldest are let go."""
CONTROL = 0.1
"""Share of a context's questions that go without its notes, so that their saving is measured and not guessed."""
NOTES = "notes"


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Has work go on beside what is inside, and ends it with that."""
    going = asyncio.create_task(work)
    try:
        yield
    finally:
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going


class Asleep:
    """Recognises contexts while requests come, and works offline while none do. Costs nothing without a budget.

    Args:
        outlay: buys the notes.
        store: where contexts, jobs and budgets are.
        busy: how many requests are under way.
        say: is told, in a sentence, of what failed.
        keeps: whether prompts may be kept: only then contexts that come back are kept by themselves, and work gives
            way to requests, for what it paid would not be in the call cache when it goes on.
    """

    def __init__(
        self,
        outlay: Outlay,
        store: Sleeping,
        busy: Callable[[], float],
        say: Callable[[str], None],
        *,
        keeps: bool = True,
    ):
        self._outlay, self._store, self._busy, self._say = outlay, store, busy, say
        self._recurring, self._keeps = Recurring(), keeps
        self._waiting: deque[Context] = deque(maxlen=MOST_WAITING)
        self._budgets: dict[str, int] = {}
        self._budgets_asked_s = self._last_s = float("-inf")

    async def saw(self, tenant: str, messages: Sequence[Message]) -> None:
        """Count a request's beginning, if its tenant may spend offline."""
        self._last_s = time.monotonic()
        if not self._keeps or tenant not in await self._asked_budgets():
            return
        text = self._recurring.saw(tenant, messages)
        if text is not None:
            id = context_id(text)
            at_us = time.time_ns() // 1000
            self._waiting.append(Context(id, tenant, f"seen/{id[4:]}", text, "seen", None, None, at_us))

    async def noted(self, tenant: str, placed: Order) -> Order:
        """The order with the notes framing around it, where its tenant has contexts and names no notes itself."""
        named = {name for name, _ in placed.plan.framings}
        if NOTES in named or not await self._store.any_context(tenant):
            return placed
        if (await placed.seller.card()).identity.startswith("recorded/"):
            return placed
        around = (*placed.plan.framings, (NOTES, {"control": CONTROL}))
        return msgspec.structs.replace(placed, plan=msgspec.structs.replace(placed.plan, framings=around))

    async def keep_dozing(self) -> None:
        """Work offline whenever no request was under way for a while, until cancelled."""
        while True:
            await asyncio.sleep(IDLE_S)
            try:
                await self.doze()
            except OutlayError as error:
                self._say(f"offline work: {error}")

    async def doze(self) -> bool:
        """Keep the contexts that came back and, if nobody is waiting, work on one job; whether there was one.

        When a request comes, the job stops at its next call and goes on another time.

        Raises:
            OutlayError: the ledger or the models cannot be used now.
        """
        while self._waiting:
            try:
                await self._store.add_context(self._waiting.popleft())
            except UsageError as refusal:
                self._say(f"a context was not kept: {refusal}")
        if self._busy() or time.monotonic() - self._last_s < IDLE_S or not await self._asked_budgets():
            return False
        await choose(self._outlay, self._store)
        began_s = time.monotonic()

        def busy() -> bool:
            return bool(self._busy()) or self._last_s > began_s

        gives_way = busy if self._keeps else nobody_waits
        return await work_one(self._outlay, self._store, busy=gives_way) is not None

    async def _asked_budgets(self) -> dict[str, int]:
        now_s = time.monotonic()
        if now_s - self._budgets_asked_s >= BUDGETS_ASKED_EVERY_S:
            self._budgets_asked_s = now_s
            self._budgets = await self._store.offline_budgets()
        return self._budgets
