"""A request to another address of a model's server, passed through in one piece: bounded, metered, never retried.

Plain completions and embeddings go this way. There is no stream to count, so a reply without usage stands at its bound.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from outlay import bounds
from outlay.book import Book
from outlay.budget import Amount, Budget, Reservation
from outlay.errors import BadReply, MissingAbility, ProviderError, TimedOut
from outlay.money import FREE, cost_nusd
from outlay.purchase import write_ahead
from outlay.session import Spent
from outlay.store.protocol import Opened
from outlay.types import Usage


class Relayed(Struct, frozen=True):
    """What is sent on: `path` under the server's base URL, and the most that answering it can use."""

    path: str
    body: dict[str, Any]
    input_tokens: int
    output_tokens: int
    n: int
    """Choices: each one is a call."""


async def relay(book: Book, budget: Budget, question_id: str, asked: Relayed, spent: Spent) -> dict[str, Any]:
    """The server's own reply, as it came.

    Raises:
        MissingAbility: the model is not one of a server.
        BudgetExceeded: it does not fit; nothing was sent.
        ProviderError: it failed; what may have been billed stands at its bound.
    """
    card, provider = book.card("default"), book.session.providers["default"]
    send = getattr(provider, "relay", None)
    if send is None:
        raise MissingAbility(f"{card.name} answers chat messages only, not {asked.path}.")
    claim = bounds.amount(
        card,
        prompts=1,
        input_tokens=asked.input_tokens,
        n=asked.n,
        output_tokens=asked.output_tokens,
    )
    reservation = await budget.reserve(claim)
    row = book.opened(question_id, "default", card.name, 0, asked.n, claim)
    await write_ahead(book, budget, reservation, row)
    ending = _Ending(book, budget, spent, reservation, row)
    left_s = None if budget.deadline_s is None else max(budget.deadline_s - book.session.clock(), 0.0)
    try:
        async with asyncio.timeout(left_s):
            said, usage = await send(asked.path, asked.body)
    except ProviderError as error:
        ending.failed(error)
        raise
    except TimeoutError:
        late = TimedOut("the deadline passed while the reply was awaited", billed=True)
        ending.failed(late)
        raise late from None
    except BaseException:
        ending.failed(BadReply("cancelled", billed=True))
        raise
    ending.settle(usage)
    return said


class _Ending:
    """How the one reservation of a relayed request ends."""

    def __init__(self, book: Book, budget: Budget, spent: Spent, reservation: Reservation, row: Opened):
        self._book, self._budget, self._spent = book, budget, spent
        self._reservation, self._row = reservation, row

    def settle(self, usage: Usage | None, error: str = "") -> None:
        """At what was told, else at the bound."""
        bound = Usage(self._reservation.amount.input_tokens, self._reservation.amount.output_tokens)
        self._end("settled", usage or bound, "" if usage else "unreconciled", error)

    def failed(self, error: ProviderError) -> None:
        """At nothing where nothing was billed."""
        if error.billed:
            self.settle(None, str(error))
        else:
            self._end("failed", Usage(0, 0), "", str(error))

    def _end(self, state: str, usage: Usage, mark: str, error: str) -> None:
        price = self._book.card("default").price if state == "settled" else FREE
        calls = self._row.n if state == "settled" else 0
        cost = None if price is None else cost_nusd(price, usage)
        used = Amount(cost, usage.input_tokens, usage.output_tokens, calls)
        overrun = self._budget.settle(self._reservation, used)
        self._spent.add(
            usage, calls=calls, cost=cost, paid=cost, overrun=overrun, closed=self._budget.why_closed
        )
        ended = self._book.ended(self._row, state, cost, overrun, usage, mark, error)
        self._book.session.store.settle(ended)


def encoded_bytes(body: dict[str, Any]) -> int:
    """The bytes of a body, which its input tokens cannot exceed: a token is at least one byte.

    Example:
        >>> encoded_bytes({"input": "abc"})
        15
    """
    return len(msgspec.json.encode(body))
