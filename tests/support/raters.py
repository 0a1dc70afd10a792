"""A reward model that is a function of each marked step: for tests of scorers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from outlay.errors import BadRequest, ProviderError
from outlay.models.provider import Card, Rated
from outlay.money import Price
from outlay.types import Delta, Request, Usage


def doubtful(step: str) -> float:
    """Low for the steps that the tests' wrong candidates have, and for what states no result."""
    return 0.9 if "=" in step and not any(wrong in step for wrong in ("381", "330")) else 0.1


class rater:  # like a provider's class
    """A `Rater` whose model scores each step by `score`; it may raise a `ProviderError` in place of a score."""

    def __init__(self, score: Callable[[str], float] = doubtful, *, marker: str = "<extra_0>"):
        self._score, self._marker = score, marker
        self.texts: list[str] = []

    async def card(self) -> Card:
        """One nano-dollar a token."""
        return Card("rater", "scripted/rater", frozenset({"rate"}), Price(1_000_000, 0))

    async def rate(self, text: str) -> Rated:
        """The scores of the last turn's steps."""
        self.texts.append(text)
        steps = text.rpartition("<|im_start|>")[2].split(self._marker)[:-1]
        return Rated(tuple(self._score(step) for step in steps), Usage(len(text.split()), 0))

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Nothing."""
        raise BadRequest("no chat", fatal=True)
        yield

    async def count_input(self, request: Request) -> int | None:
        """Unknown."""
        return None

    async def count_text(self, text: str) -> int | None:
        """Unknown."""
        return None

    async def close(self) -> None:
        """Nothing to release."""


def broken(step: str) -> float:
    """A model that fails."""
    raise ProviderError("the reward model broke")
