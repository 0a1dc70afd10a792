"""Fakes for your own tests: a scripted model, a fixed price, a clock you move, an `Outlay` over a throw-away ledger.

Nothing here reaches a network or waits. A strategy is tested on a script that says what each sample says:

Example:
    >>> import asyncio
    >>> async def main():
    ...     model = scripted(lambda request, index: "42" if index else "41", price=FIXED)
    ...     async with shop(model) as outlay:
    ...         answer = await outlay.ask("6 * 7?", strategy="self_consistency:n=5", kind="number")
    ...         return answer.answer, answer.calls, answer.cost_nusd
    >>> asyncio.run(main())
    ('42', 5, 39000)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from outlay.budget import Limits
from outlay.config import Config
from outlay.engine import Outlay
from outlay.models.provider import Card, Embedded, Provider
from outlay.models.scripted import Script, scripted
from outlay.models.words import words
from outlay.money import Price
from outlay.types import Request, Usage

__all__ = ["FIXED", "Clock", "Gates", "Script", "embedder", "scripted", "shop"]

FIXED = Price(1_000_000_000, 4_000_000_000, source="outlay.testing", date="2026-01-01")
"""A price that is easy to add up: 1 microdollar an input token, 4 an output token (1,000 and 4,000 nUSD)."""


class Clock:
    """A clock that stands still until it is moved. Call it for the time in seconds; `sleep` moves it at once.

    Example:
        >>> clock = Clock()
        >>> clock.advance(2.5)
        >>> clock()
        2.5
    """

    def __init__(self, start_s: float = 0.0):
        self._now_s = start_s
        self.slept_s: list[float] = []
        """How long each sleep would have taken, in seconds."""

    def __call__(self) -> float:
        """The time in seconds."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass without waiting, and let others run."""
        self.slept_s.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


class Gates:
    """Holds each request of a scripted model until it is let through: `scripted(…, gate=gates)` sets the order."""

    def __init__(self) -> None:
        self._held: list[tuple[Request, asyncio.Future[None]]] = []
        self._arrival = asyncio.Event()

    def __call__(self, request: Request) -> asyncio.Future[None]:
        """What the scripted model waits for before it answers this request."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append((request, future))
        self._arrival.set()
        return future

    @property
    def waiting(self) -> list[Request]:
        """The requests held, in the order of arrival."""
        return [request for request, future in self._held if not future.done()]

    async def arrived(self, n: int) -> None:
        """Return once `n` requests are held; others run in between."""
        while len(self.waiting) < n:
            self._arrival.clear()
            await self._arrival.wait()

    def open(self, choose: Callable[[list[Request]], int] = lambda waiting: 0) -> Request:
        """Let one held request through: the one at the position that `choose` names; returns it."""
        held = [(request, future) for request, future in self._held if not future.done()]
        request, future = held[choose([r for r, _ in held])]
        self._held = [pair for pair in held if pair[1] is not future]
        future.set_result(None)
        return request


class embedder(words):
    """An embedder with a price: the vectors of `words/DIMENSIONS`, a token a word of the text.

    Args:
        dimensions: of the vectors.
        price: per million tokens; None is an unknown price.
        fails: what to raise for a batch of texts, or None.
    """

    def __init__(
        self,
        dimensions: int = 64,
        *,
        price: Price | None = FIXED,
        fails: Callable[[Sequence[str]], Exception | None] = lambda texts: None,
    ):
        super().__init__(str(dimensions))
        self._priced = Card("embedder", f"embedder/{dimensions}", frozenset({"embed"}), price)
        self._fails = fails
        self.batches: list[tuple[str, ...]] = []
        """The texts of each request."""

    async def card(self) -> Card:
        """The card, with the price it was given."""
        return self._priced

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The embeddings of texts, billed a token a word."""
        self.batches.append(tuple(texts))
        if (error := self._fails(texts)) is not None:
            raise error
        found = await super().embed(texts)
        return Embedded(found.vectors, Usage(sum(len(t.split()) for t in texts), 0))


@asynccontextmanager
async def shop(
    models: Provider | Mapping[str, Provider],
    *,
    limits: Limits | None = None,
    store: Path | str = ":memory:",
    seed: int = 0,
    cache: bool = False,
    run_id: str | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Outlay]:
    """An open `Outlay` over a ledger in memory, with an empty configuration and a clock that stands still.

    Retries wait on the clock, so they take no time. Give a path as `store` to look at the ledger afterwards or to
    open it again; with the same `run_id` that resumes.

    Args:
        models: a scripted model, or one for each role.
        limits: caps on everything bought; `deadline_s` is a point on `clock`.
        store: `:memory:` or the path of a ledger.
        seed: the run's seed.
        cache: whether completions may come from the call cache.
        run_id: the ledger's run; None makes one up.
        clock: the clock; None is one of its own that starts at 0.
    """
    clock = clock or Clock()
    async with Outlay(
        models,
        limits=limits,
        store=store,
        seed=seed,
        cache=cache,
        what="test",
        run_id=run_id,
        config=Config(),
        clock=clock,
        sleep=clock.sleep,
    ) as outlay:
        yield outlay
