"""A trace: the append-only record of one answer, from which it can be replayed byte for byte.

Events carry a version, a structural key (never an arrival number) and seconds on the run's clock. Everything that
a replay must read instead of doing is here: grants, completions, failures, verdicts, and the order they arrived in.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from outlay.errors import OutlayError, UsageError

VERSION = 1
STUCK_S = 10.0
"""Nothing is bought or computed between two steps of a replay, so a turn that does not come by then never does."""
_encoder = msgspec.json.Encoder(order="sorted")


def in_micros(seconds: float) -> float:
    """Seconds from 0 up, to the microsecond: the double nearest to k / 10^6, which a short decimal stands for.

    `round(seconds, 6)` goes through that decimal, which takes ten times as long.

    Example:
        >>> in_micros(0.1234564999), in_micros(2.0000005)
        (0.123456, 2.000001)
    """
    return int(seconds * 1e6 + 0.5) / 1e6


class Trace:
    """Events of one answer in the order in which they happened."""

    __slots__ = ("events",)

    def __init__(self, events: list[dict[str, Any]] | None = None):
        self.events: list[dict[str, Any]] = events if events is not None else []

    def add(self, kind: str, key: str, t_s: float, **fields: Any) -> None:
        """Append an event; `fields` are frozen values or plain data."""
        self.events.append({"v": VERSION, "event": kind, "key": key, "t_s": in_micros(t_s), **fields})

    def encode(self) -> bytes:
        """The trace as JSON lines with keys in sorted order: equal traces are equal bytes."""
        return b"".join(_encoder.encode(e) + b"\n" for e in self.events)

    @staticmethod
    def decode(data: bytes) -> Trace:
        """Read a trace back.

        Raises:
            UsageError: not a trace, or of a newer version.
        """
        try:
            events = [msgspec.json.decode(line, type=dict[str, Any]) for line in data.splitlines() if line]
        except msgspec.DecodeError as error:
            raise UsageError(f"This is not a trace: {error}.") from None
        if not events:
            raise UsageError("This is not a trace: it is empty.")
        if any(e.get("v") != VERSION for e in events):
            raise UsageError(
                f"This trace is not of version {VERSION}; replay it with the outlay that wrote it."
            )
        return Trace(events)


class Replay:
    """A cursor over a recorded trace that lets each step pass only when its recorded turn has come.

    Concurrent purchases arrive in the recorded order, so everything that depends on the order repeats exactly.
    """

    def __init__(self, trace: Trace):
        self._events = trace.events
        self._at = 0
        self._waiting: dict[tuple[str, str], list[asyncio.Future[None]]] = {}
        self._left: dict[tuple[str, str], int] = {}
        for e in self._events:
            step = (e["event"], e["key"])
            self._left[step] = self._left.get(step, 0) + 1

    async def turn(self, kinds: tuple[str, ...], key: str) -> dict[str, Any]:
        """Wait until the next recorded event is one of `kinds` for `key`, and take it.

        Raises:
            OutlayError: the trace has no such event left, or its turn does not come, because something else was
                recorded before it that is not asked for: what runs is not what was recorded.
        """
        steps = [(kind, key) for kind in kinds]
        if not any(self._left.get(s) for s in steps):
            raise OutlayError(
                f"The replay diverged from its trace: no {' or '.join(kinds)} of {key!r} is left in it."
            )
        while self._next() not in steps:
            future = asyncio.get_running_loop().create_future()
            for s in steps:
                self._waiting.setdefault(s, []).append(future)
            try:
                async with asyncio.timeout(STUCK_S):
                    await future
            except TimeoutError:
                event, key = self._next()
                raise OutlayError(
                    f"The replay diverged from its trace: {event} of {key!r} is not repeated."
                ) from None
            finally:
                for s in steps:
                    self._waiting[s].remove(future)
        event = self._events[self._at]
        self._left[self._next()] -= 1
        self._at += 1
        self._wake()
        return event

    def left(self, kind: str, key: str) -> int:
        """How many recorded events of a kind and key were not taken yet."""
        return self._left.get((kind, key), 0)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._events):
            return ("", "")
        e = self._events[self._at]
        return (e["event"], e["key"])

    def _wake(self) -> None:
        for future in self._waiting.get(self._next(), ()):
            if not future.done():
                future.set_result(None)
                return
