"""Who plays each role: models by seat, opened and asked for their cards at first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from outlay import chain
from outlay.config import Config
from outlay.errors import ProviderError, Unreachable, UsageError
from outlay.models.breaker import Breaker, Breakers
from outlay.models.limiter import Limiters
from outlay.models.open import open_model
from outlay.models.provider import Card, Provider

Model = str | Provider
"""As users name it, or an opened one."""


class Cast:
    """The models of one seller.

    Args:
        models: one for each role, or several, each asked for what those before it failed to answer.
        config: describes them.
        seed: permutes the samples of recorded models.
        breakers: what is known of how each model fared, shared by the sellers of a process.
        limiters: how many requests each model takes at once, shared likewise.
    """

    def __init__(
        self,
        models: Mapping[str, Model | Sequence[Model]],
        config: Config,
        *,
        seed: int,
        breakers: Breakers,
        limiters: Limiters,
    ):
        self._models: dict[str, Model] = chain.seated(models)
        self._config, self._seed, self._breakers, self._limiters = config, seed, breakers, limiters
        self._opened: dict[str, Provider] = {}
        self._cards: dict[str, Card] = {}

    @property
    def seats(self) -> tuple[str, ...]:
        """Every seat, in the order of the roles."""
        return tuple(self._models)

    def known(self, role: str) -> Card | None:
        """The card of a role's first model, if it was read already."""
        return self._cards.get(role)

    async def card(self, role: str = "default") -> Card:
        """The card of a role's model, the first of its chain that can be asked; read at first use.

        Raises:
            UsageError: no model plays the role, or it cannot be opened.
            ProviderError: it cannot be asked.
        """
        if role in self._cards:
            return self._cards[role]
        return next(iter((await self.cards(role)).values()))

    async def cards(self, *roles: str) -> dict[str, Card]:
        """The card of each model of these roles by its seat, every role's if none is named.

        A model of a chain that cannot be asked now is left out, unless all of them are.

        Raises:
            As `card`.
        """
        found: dict[str, Card] = {}
        for role in roles or chain.roles(self._models):
            seats = chain.seats(role, self._models)
            failures: list[ProviderError] = []
            for number, seat in enumerate(seats, 1):
                try:
                    found[seat] = await self._card(seat, alone=number == len(seats))
                except ProviderError as failure:
                    failures.append(failure)
            if failures and len(failures) == len(seats):
                raise failures[0]
            if not seats:
                raise UsageError(f"No model plays the role {role}; add one like --model {role}=MODEL.")
        return found

    def provider(self, seat: str) -> Provider:
        """The opened model in a seat.

        Raises:
            UsageError: it cannot be opened.
        """
        model = self._models[seat]
        name = model if isinstance(model, str) else f"{id(model)}"
        if name not in self._opened:
            self._opened[name] = (
                open_model(model, self._config, seed=self._seed, limiters=self._limiters)
                if isinstance(model, str)
                else model
            )
        return self._opened[name]

    def breaker(self, seat: str) -> Breaker:
        """The breaker of the model in a seat."""
        model = self._models[seat]
        return self._breakers.of(model if isinstance(model, str) else self._cards[seat].name)

    async def close(self) -> None:
        """Close every opened model."""
        async with AsyncExitStack() as closing:
            for provider in self._opened.values():
                closing.push_async_callback(provider.close)

    async def _card(self, seat: str, *, alone: bool) -> Card:
        """The card in a seat; a model that another one can stand in for is left alone while its breaker is open."""
        if seat in self._cards:
            return self._cards[seat]
        model = self._models[seat]
        breaker = self._breakers.of(model) if isinstance(model, str) else None
        if breaker is not None and not alone and breaker.state == "open":
            raise Unreachable(f"{model} failed too often and is left alone for a while")
        try:
            self._cards[seat] = await self.provider(seat).card()
        except ProviderError as failure:
            if breaker is not None:
                breaker.failed(failure.retry_after_s)
            raise
        return self._cards[seat]
