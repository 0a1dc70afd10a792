"""Whose turn it is on the machine's cores, where one process runs several local models."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

WAIT_S = 10.0
"""The longest that a reply waits for another model's; then both go on at once."""


class Turns:
    """Replies of one model run together; replies of two models take turns.

    Each model's server keeps one thread a core, and its threads wait for each other after every operation. Two
    servers at work on the same cores leave each other's threads waiting for one that does not run: together they
    take 1.7 times as long as one after the other (`bench/turns.py`). A reply goes in at once when no other model is
    at work and none waits, so that neither model can hold the cores for ever.
    """

    def __init__(self, wait_s: float = WAIT_S):
        self._wait_s = wait_s
        self._inside: Counter[Hashable] = Counter()
        self._queue: deque[tuple[Hashable, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, who: Hashable) -> AsyncIterator[None]:
        """The cores for a reply of the model `who`, after a wait of at most `wait_s` seconds."""
        await self._enter(who)
        try:
            yield
        finally:
            self._leave(who)

    async def _enter(self, who: Hashable) -> None:
        if not self._queue and self._alone(who):
            self._inside[who] += 1
            return
        admitted = asyncio.get_running_loop().create_future()
        self._queue.append((who, admitted))
        try:
            await asyncio.wait((admitted,), timeout=self._wait_s)
        except asyncio.CancelledError:
            if admitted.done():
                self._leave(who)
            else:
                self._queue.remove((who, admitted))
                self._admit()
            raise
        if not admitted.done():
            self._queue.remove((who, admitted))
            self._inside[who] += 1

    def _leave(self, who: Hashable) -> None:
        self._inside[who] -= 1
        if not self._inside[who]:
            del self._inside[who]
        self._admit()

    def _alone(self, who: Hashable) -> bool:
        return not self._inside.keys() - {who}

    def _admit(self) -> None:
        """Lets in whoever waits longest, and all that wait for the same model."""
        if not self._queue or not self._alone(self._queue[0][0]):
            return
        next_one = self._queue[0][0]
        waiting, self._queue = self._queue, deque()
        for who, admitted in waiting:
            if who == next_one:
                self._inside[who] += 1
                admitted.set_result(None)
            else:
                self._queue.append((who, admitted))


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """The turns of the running event loop, which all its local models share."""
    return _of_loops.setdefault(asyncio.get_running_loop(), Turns())
