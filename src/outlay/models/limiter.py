"""A gate before an upstream: as many requests at once as it was learned to take, the rest in order of arrival.

Nobody waits here while holding another's place, so a strategy may be wider than the limit: its samples take turns.
Whoever could not be served before its deadline is told so at once, and takes nobody's turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from outlay.errors import Crowded, mark_unsent
from outlay.models.limit_rule import LimitRule

HELD = 0.1
"""The weight of one request in how long a place is held: about the last 20."""
SPARE = 2.0
"""How many times as long as a place is usually held a request must have left when its turn comes: replies differ."""
SILENT = 8.0
"""A request without an answer for so many times the usual latency is taken for lost and fills no place."""


class Place:
    """One request's place among those under way; as a context manager it is given back at the end."""

    __slots__ = ("_limiter", "_since_s", "lost", "sent_s")

    def __init__(self, limiter: Limiter):
        self._limiter, self.lost = limiter, False
        self._since_s = self.sent_s = limiter.clock()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def sent(self) -> None:
        """The request is sent now, perhaps again."""
        self._limiter.listen(self)

    def answered(self) -> None:
        """The first byte of an answer came."""
        self._limiter.told(self, overload=False)

    def overloaded(self) -> None:
        """The upstream had too much to do for it."""
        self._limiter.told(self, overload=True)

    def leave(self) -> None:
        """Give the place back, once."""
        self._limiter.leave(self, self._since_s)


class Limiter:
    """The gate of one upstream model. Used from one event loop.

    A request that the upstream says nothing to for `SILENT` times as long as usual is taken for lost: it fills no
    place any more, though never more than the most are under way. Without that, requests that hang keep everybody
    waiting once a storm has taken the limit down to as many as hang.

    Args:
        rule: decides how many may pass.
        clock: seconds that only grow.

    Source: a lost request is told by a multiple of the usual time, as TCP tells a lost segment (RFC 6298). Turning
        away at the door what would wait beyond its deadline: Little's law with the places as servers; `SPARE` and
        `SILENT` are our choice.

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
        self.in_flight = self.crowded_out = 0
        self._lost = 0
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        """Whose turn it is next, and until when each can be served, on the clock."""
        self._listening: dict[Place, None] = {}
        """Those that wait for their first byte, in the order in which they were sent."""
        self._held_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def n_waiting(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiting)

    @property
    def wait_s(self) -> float:
        """About how long the next to come would wait for its turn, in seconds; 0 while nothing is known.

        A line in an outage is judged by what the upstream carried before: outages pass, and the limit comes back fast.
        """
        return (len(self._waiting) + 1) * self._held_s / max(self.rule.limit, self.rule.carried)

    async def enter(self, left_s: float | None = None) -> Place:
        """A place among those under way, in order of arrival; whoever gets it gives it back, whatever happens.

        Args:
            left_s: seconds until the deadline of the request; None is no deadline.

        Raises:
            Crowded: there is a line, and its turn would come too late to be served.
        """
        if not self._waiting and self._free():
            self.in_flight += 1
            return Place(self)
        self._forget_the_lost()
        turn = asyncio.get_running_loop().create_future()
        if left_s is not None and self.wait_s + SPARE * self._held_s > left_s:
            raise self._crowded()
        self._waiting.append((turn, float("inf") if left_s is None else self.clock() + left_s))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError as left:
            mark_unsent(left)
            if not turn.cancelled() and turn.exception() is None:
                # The turn came in the same moment: the place goes to the next.
                self.in_flight -= 1
            else:
                self._waiting = deque(entry for entry in self._waiting if entry[0] is not turn)
            self._admit()
            raise
        return Place(self)

    def listen(self, place: Place) -> None:
        """A request is sent now: the upstream owes it an answer."""
        place.sent_s = self.clock()
        self._found(place)
        self._listening[place] = None

    def told(self, place: Place, *, overload: bool) -> None:
        """Let the rule know how a request fared, and let in who may come now."""
        self._found(place)
        tell = self.rule.overloaded if overload else self.rule.answered
        tell(sent_s=place.sent_s, now_s=self.clock(), in_flight=self.in_flight - self._lost)
        self._admit()

    def leave(self, place: Place, since_s: float) -> None:
        """A request is over."""
        self._forget_the_lost()
        if not place.lost:
            held_s = self.clock() - since_s
            self._held_s += (HELD if self._held_s else 1.0) * (held_s - self._held_s)
        self._found(place)
        self.in_flight -= 1
        self._admit()

    def _free(self) -> bool:
        return self.in_flight - self._lost < self.rule.limit and self.in_flight < self.rule.most

    def _found(self, place: Place) -> None:
        """Nothing is awaited of it any more, or it is heard of again."""
        self._listening.pop(place, None)
        if place.lost:
            place.lost = False
            self._lost -= 1

    def _forget_the_lost(self) -> None:
        """Take those that were silent for too long out of the count."""
        silent_s = SILENT * self.rule.usual_s
        while silent_s and self._listening:
            first = next(iter(self._listening))
            if self.clock() - first.sent_s < silent_s:
                break
            del self._listening[first]
            first.lost = True
            self._lost += 1

    def _admit(self) -> None:
        """Let in who may come; whoever could not be served in time any more is told so instead."""
        if not self._waiting:
            return
        self._forget_the_lost()
        while self._waiting and self._free():
            turn, until_s = self._waiting.popleft()
            # A turn that was cancelled takes itself out of the line.
            if turn.done():
                continue
            if self.clock() + SPARE * self._held_s > until_s:
                turn.set_exception(self._crowded())
                continue
            self.in_flight += 1
            turn.set_result(None)
        self._look_again()

    def _look_again(self) -> None:
        """While some wait: come back when the next of those under way must be taken for lost."""
        if self._timer is not None or not self._waiting or not self._listening or not self.rule.usual_s:
            return
        first = next(iter(self._listening))
        due_s = first.sent_s + SILENT * self.rule.usual_s - self.clock()
        self._timer = asyncio.get_running_loop().call_later(max(due_s, self.rule.usual_s), self._looked)

    def _looked(self) -> None:
        self._timer = None
        self._admit()

    def _crowded(self) -> Crowded:
        self.crowded_out += 1
        return Crowded(len(self._waiting), self.wait_s)


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
