"""A circuit breaker for each upstream model: after enough failures it is left alone for a while, then tried again.

closed → open after 5 failures in a row, or when half of the last 20 requests failed → half-open once a back-off has
passed: one request tries → closed if it succeeds, else open again for twice as long. Nothing is kept on disk.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

IN_A_ROW = 5
"""Failures one after the other that open a breaker."""
LAST = 20
"""The outcomes that a share is taken of."""
SHARE = 0.5
"""The share of failures among the last outcomes that opens a breaker."""
FIRST_S, LONGEST_S = 1.0, 60.0
"""The first back-off in seconds, and the longest; it doubles from one to the other."""
State = Literal["closed", "half-open", "open"]


class Breaker:
    """The breaker of one upstream.

    A back-off is min(60, 2^k) s after k failed trials, less up to a quarter at random, so that many servers do not
    come back to a recovering one in the same instant; at least what the upstream asked to wait.

    Args:
        clock: seconds that only grow.
        rng: the source of jitter.

    Source: Nygard, Release It!, ch. 5 (the three states); the numbers are our choice.

    Example:
        >>> now = 0.0
        >>> breaker = Breaker(lambda: now, random.Random(1))
        >>> for _ in range(5):
        ...     breaker.failed()
        >>> breaker.state, breaker.admits()
        ('open', False)
        >>> now = 1.0
        >>> breaker.admits(), breaker.admits()  # one trial at a time
        (True, False)
        >>> breaker.succeeded()
        >>> breaker.state
        'closed'
    """

    def __init__(self, clock: Callable[[], float], rng: random.Random):
        self._clock, self._rng = clock, rng
        self._last: deque[bool] = deque(maxlen=LAST)
        self._in_a_row = self._bad = self._trials = 0
        self._until: float | None = None
        self._trying = False
        self.opened = 0
        """How often it has opened."""

    @property
    def state(self) -> State:
        """Where it stands now."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    def admits(self) -> bool:
        """Whether a request may go there now. Where it is the one that tries, its outcome must be told."""
        state = self.state
        if state == "half-open" and not self._trying:
            self._trying = True
            return True
        return state == "closed"

    def succeeded(self) -> None:
        """A request was answered, if only by saying that the request is wrong."""
        if self._until is not None:
            self._last.clear()
            self._bad = self._trials = 0
            self._until, self._trying = None, False
        self._in_a_row = 0
        self._count(bad=False)

    def failed(self, retry_after_s: float | None = None) -> None:
        """A request failed for a reason that is the upstream's, which asked to wait `retry_after_s` seconds."""
        state = self.state
        if state == "open":
            return  # It was sent before the breaker opened and says nothing new.
        if state == "half-open":
            self._trials += 1
            self._open(retry_after_s)
            return
        self._in_a_row += 1
        self._count(bad=True)
        if self._in_a_row >= IN_A_ROW or (len(self._last) == LAST and self._bad >= SHARE * LAST):
            self._open(retry_after_s)

    def left(self) -> None:
        """A request ended without telling anything of the upstream: it was cancelled, or its deadline passed."""
        self._trying = False

    def _open(self, retry_after_s: float | None) -> None:
        wait_s = min(LONGEST_S, FIRST_S * 2**self._trials) * (1 - 0.25 * self._rng.random())
        self._until = self._clock() + max(wait_s, min(retry_after_s or 0.0, LONGEST_S))
        self._trying = False
        self._in_a_row = 0
        self.opened += 1

    def _count(self, *, bad: bool) -> None:
        if len(self._last) == LAST:
            self._bad -= self._last[0]
        self._last.append(bad)
        self._bad += bad


class Breakers:
    """The breakers of one process, by the name under which people know the model."""

    def __init__(self, clock: Callable[[], float], seed: str):
        self._clock, self._rng = clock, random.Random(seed)
        self._by_name: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """The breaker of a model, closed until something is known."""
        if name not in self._by_name:
            self._by_name[name] = Breaker(self._clock, self._rng)
        return self._by_name[name]

    def __iter__(self) -> Iterator[tuple[str, Breaker]]:
        return iter(list(self._by_name.items()))
