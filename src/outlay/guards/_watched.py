"""A model whose streams a monitor watches: thinking beyond its cap is cut, and generation stops upstream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from outlay.door.cut_thinking import CUT
from outlay.guards.runaway import Thinking, runaway
from outlay.models.provider import Card, Provider
from outlay.types import Delta, Request


class Watched:
    """A `Provider` that ends thinking where the request's sampling caps it; everything else is the model's own."""

    def __init__(self, model: Provider):
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    async def card(self) -> Card:
        """The model's card."""
        return await self._model.card()

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The model's deltas; a choice whose thinking runs past the cap ends there, with the finish reason `CUT`.

        Once every choice has ended or was cut, the stream is closed, which stops generation upstream.
        """
        cap = request.sampling.reasoning_tokens
        deltas = self._model.stream(request)
        return deltas if cap is None else _watched(deltas, request.n, cap)

    async def count_input(self, request: Request) -> int | None:
        """As the model counts."""
        return await self._model.count_input(request)

    async def count_text(self, text: str) -> int | None:
        """As the model counts."""
        return await self._model.count_text(text)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


async def _watched(deltas: Any, n: int, cap: int) -> AsyncGenerator[Delta, None]:
    states: dict[int, Thinking] = {}
    cut: set[int] = set()
    ended: set[int] = set()
    async with aclosing(deltas) as stream:
        async for delta in stream:
            choice = delta.choice
            if choice is None:
                yield delta
                continue
            if choice in cut:
                continue
            yield delta
            states[choice], decision = runaway(states.get(choice), delta, reasoning_tokens=cap)
            if delta.finish_reason:
                ended.add(choice)
            elif not decision.go:
                cut.add(choice)
                yield Delta(choice, finish_reason=CUT)
            if cut and len(cut | ended) >= n:
                return
