"""How a relayed request ends: what it used is told, counted or bounded, and settled in budget, ledger and trace."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from outlay.budget import Amount, Budget, Reservation
from outlay.door.book import Book
from outlay.door.session import Spent
from outlay.errors import ProviderError
from outlay.money import FREE, cost_nusd
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


class RelayEnding:
    """What was received of one relayed request, and how its reservation ends.

    Attributes:
        usage: what the server told.
        started: something of a stream was received.
    """

    def __init__(
        self,
        book: Book,
        budget: Budget,
        spent: Spent,
        reservation: Reservation,
        row: Opened,
        asked: Relayed,
        seat: str,
    ):
        self._book, self._budget, self._spent = book, budget, spent
        self._reservation, self._row, self.asked, self._seat = reservation, row, asked, seat
        self.usage: Usage | None = None
        self.started = False
        self._texts: dict[int, list[str]] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each choice, in index order."""
        return tuple("".join(self._texts[index]) for index in sorted(self._texts))

    def take(self, event: dict[str, Any]) -> None:
        """Gather the text of a reply or of a piece of it."""
        for choice in event.get("choices") or ():
            if isinstance(choice, dict) and isinstance(text := choice.get("text"), str):
                index = choice.get("index")
                self._texts.setdefault(index if isinstance(index, int) else 0, []).append(text)

    async def settle(self, error: str = "", *, onward: bool = False) -> None:
        """At what was told, else at what was counted, else at the bound; `onward`: the next model is asked."""
        usage, mark = self.usage, ""
        cancelled: asyncio.CancelledError | None = None
        if usage is None and self.started:
            try:
                usage, mark = await self._counted(), "counted"
            except ProviderError:
                usage = None
            except asyncio.CancelledError as cancellation:
                usage, cancelled = None, cancellation
        bound = Usage(self._reservation.amount.input_tokens, self._reservation.amount.output_tokens)
        self._end("settled", usage or bound, mark if usage else "unreconciled", error, onward)
        if cancelled is not None:
            raise cancelled

    async def failed(self, error: ProviderError, *, onward: bool = False) -> None:
        """At nothing where nothing was billed; `onward`: the next model is asked."""
        if error.billed or self.started:
            await self.settle(str(error), onward=onward)
        else:
            self._end("failed", Usage(0, 0), "", str(error), onward)

    async def _counted(self) -> Usage | None:
        """What was received, by the model's own tokenizer; a prompt counts a token more than its text has."""
        provider = self._book.session.providers[self._seat]
        if self._book.card(self._seat).hides_reasoning:
            return None
        read = self.asked.body.get("prompt", "")
        prompts = [read] if isinstance(read, str) else read
        if not all(isinstance(prompt, str) for prompt in prompts):
            return None
        counts = [await provider.count_text(text) for text in (*prompts, *self.texts)]
        if None in counts:
            return None
        inputs = sum(c or 0 for c in counts[: len(prompts)]) + len(prompts)
        return Usage(min(inputs, self.asked.input_tokens), sum(c or 0 for c in counts[len(prompts) :]))

    def _end(self, state: str, usage: Usage, mark: str, error: str, onward: bool) -> None:
        price = self._book.card(self._seat).price if state == "settled" else FREE
        calls = self._row.n if state == "settled" else 0
        cost = None if price is None else cost_nusd(price, usage)
        used = Amount(cost, usage.input_tokens, usage.output_tokens, calls)
        overrun = self._budget.settle(self._reservation, used)
        closed = self._budget.why_closed
        self._spent.add(usage, calls=calls, cost=cost, paid=cost, overrun=overrun, closed=closed)
        ended = self._book.ended(self._row, state, cost, overrun, usage, mark, error)
        self._book.session.store.settle(ended)
        self._book.trace.add(
            "relay",
            key_of(self._seat, self.asked.path),
            self._book.now_s(),
            body=self.asked.body,
            texts=self.texts,
            error=error,
            usage=usage,
            calls=calls,
            cost_nusd=cost,
            overrun_nusd=overrun,
            closed=closed,
            mark=mark,
            **({"onward": True} if onward else {}),
        )


def key_of(seat: str, path: str) -> str:
    """What names a relayed request in the trace: its path, and which model of the chain where it is not the first.

    Example:
        >>> key_of("default", "embeddings"), key_of("default.1", "embeddings")
        ('embeddings', 'default.1/embeddings')
    """
    return path if seat == "default" else f"{seat}/{path}"
