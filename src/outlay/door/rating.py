"""Scores of a reward model through the run: reserved, metered, traced, and kept by the call cache text by text."""

from __future__ import annotations

from typing import Any

from outlay.budget import Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.reading import RATING, Reading
from outlay.door.session import Spent
from outlay.errors import MissingAbility
from outlay.models.provider import Rated
from outlay.types import Usage


async def rate(
    book: Book, budget: Budget, question_id: str, text: str, role: str, label: str, spent: Spent
) -> tuple[float, ...]:
    """The scores that a role's reward model gives the marked steps of a text, in their order.

    Raises:
        UsageError: no model plays the role.
        MissingAbility: its model rates no texts.
        BudgetExceeded: it does not fit.
        ProviderError: the model failed, after the retries that every call gets.
    """
    if "rate" not in (card := book.card(role)).abilities:
        raise MissingAbility(
            f"{card.name} rates no steps; give the role {role} a reward model (rates = true in outlay.toml)."
        )
    reading = Reading(RATING, book, budget, question_id, role, f"{role}/{label}", spent)
    if book.replay is not None:
        return tuple((await reading.again())["scores"])
    key = reading.cache_key(text)
    if found := await reading.cached([key], Rated):
        (rated,) = found.values()
        reading.hit(rated.usage or Usage(0, 0))
    else:
        most = len(text.encode("utf-8", "replace")) + bounds.MESSAGE_OVERHEAD
        (rated,) = (
            await reading.buy(most, lambda model: _sent(model, text), lambda s, u: {key: Rated(s, u)})
        ).values()
    reading.tell(scores=rated.scores)
    return rated.scores


async def _sent(provider: Any, text: str) -> tuple[tuple[float, ...], Usage | None]:
    rated: Rated = await provider.rate(text)
    return rated.scores, rated.usage
