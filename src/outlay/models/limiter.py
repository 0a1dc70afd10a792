"""A gate before an upstream: as many requests at once as it was learned to take, the rest in order of arrival.

Nobody waits here while holding another's place, so a strategy may be wider than the limit: its samples take turns.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from outlay.errors import mark_unsent
from outlay.models.limit_rule import LimitRule


class Place:
    """One request's place among those under way; as a context manager it is given back at the end."""

    __slots__ = ("_limiter", "_sent_s")

    def __init__(self, limiter: Limiter):
        self._limiter = limiter
        self._sent_s = limiter.clock()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def sent(self) -> None:
        """The request is sent now, perhaps again."""
        self._sent_s = self._limiter.clock()

    def answered(self) -> None:
        """The first byte of an answer came."""
        self._limiter.told(self._sent_s, overload=False)

    def overloaded(self) -> None:
        """The upstream had too much to do for it."""
        self._limiter.told(self._sent_s, overload=True)

    def leave(self) -> None:
        """Give the place back, once."""
        self._limiter.leave()


class Limiter:
    """The gate of one upstream model. Used from one event loop.

    Args:
        rule: decides how many may pass.
        clock: seconds that only grow.

    Example:
        >>> async def main():
        ...     limiter = Limiter(LimitRule(2))
        ...     with await limiter.enter() as place:
        ...         place.answered()
        ...         return limiter.in_flight
        >>> asyncio.run(main())
        1
    """

    def __init__(self, rule: LimitRule, *, clock: Callable[[], float] = time.monotonic):
        self.rule, self.clock = rule, clock
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def n_waiting(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiting)

    async def enter(self) -> Place:
        """A place among those under way, in order of arrival; whoever gets it gives it back, whatever happens."""
        if self.in_flight < self.rule.limit and not self._waiting:
            self.in_flight += 1
            return Place(self)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError as left:
            mark_unsent(left)
            if not turn.cancelled():
                # The turn came in the same moment: the place goes to the next.
                self.leave()
            else:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                self._admit()
            raise
        return Place(self)

    def leave(self) -> None:
        """A request is over."""
        self.in_flight -= 1
        self._admit()

    def told(self, sent_s: float, *, overload: bool) -> None:
        """Let the rule know how a request fared, and let in who may come now."""
        tell = self.rule.overloaded if overload else self.rule.answered
        tell(sent_s=sent_s, now_s=self.clock(), in_flight=self.in_flight)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.rule.limit:
            turn = self._waiting.popleft()
            # A turn that was cancelled takes itself out of the line.
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class Limiters:
    """The gates of one process, by the name under which people know the model, so that every user shares them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._by_name: dict[str, Limiter] = {}

    def of(self, name: str, most: int) -> Limiter:
        """The gate of a model that takes at most so many requests at once."""
        if name not in self._by_name:
            self._by_name[name] = Limiter(LimitRule(most), clock=self._clock)
        return self._by_name[name]

    def __iter__(self) -> Iterator[tuple[str, Limiter]]:
        return iter(list(self._by_name.items()))
