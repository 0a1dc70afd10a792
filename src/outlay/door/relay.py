"""A request to another address of a model's server, passed through as it is: bounded, metered, traced, never retried.

Plain completions and embeddings go this way. A reply in one piece without usage stands at its bound; a streamed one is
settled like every stream: at the usage in it, else counted by the model's tokenizer, else at the bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct

from outlay.budget import Amount, Budget, Reservation
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Spent
from outlay.errors import BadReply, MissingAbility, ProviderError, TimedOut, unsent
from outlay.money import FREE, cost_nusd
from outlay.store.protocol import Opened
from outlay.trace import Replay
from outlay.types import Usage

OnEvent = Callable[[dict[str, Any]], None]


class Relayed(Struct, frozen=True):
    """What is sent on: `path` under the server's base URL, and the most that answering it can use."""

    path: str
    body: dict[str, Any]
    input_tokens: int
    output_tokens: int
    n: int
    """Choices: each one is a call."""


class Reply(Struct, frozen=True):
    """What came back: the whole reply where it came in one piece now, and the text of each choice."""

    said: dict[str, Any] | None
    texts: tuple[str, ...] = ()


async def relay(
    book: Book,
    budget: Budget,
    question_id: str,
    asked: Relayed,
    spent: Spent,
    on_event: OnEvent | None = None,
) -> Reply:
    """The server's own reply, as it came; streamed where `on_event` takes its events.

    Raises:
        MissingAbility: the model is not one of a server.
        BudgetExceeded: it does not fit; nothing was sent.
        ProviderError: it failed; what may have been billed stands at what was received of a stream, else at its bound.
    """
    if book.replay is not None:
        return await _repeat(book, book.replay, asked, spent)
    card, provider = book.card("default"), book.session.providers["default"]
    send = getattr(provider, "relay" if on_event is None else "relay_stream", None)
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
    ending = _Ending(book, budget, spent, reservation, row, asked)
    left_s = None if budget.deadline_s is None else max(budget.deadline_s - book.session.clock(), 0.0)
    try:
        async with asyncio.timeout(left_s):
            said = await _whole(send, ending) if on_event is None else await _stream(send, ending, on_event)
    except ProviderError as error:
        await ending.failed(error)
        raise
    except TimeoutError as passed:
        late = TimedOut("the deadline passed while the reply was awaited", billed=not unsent(passed))
        await ending.failed(late)
        raise late from None
    except BaseException as left:
        await ending.failed(BadReply("cancelled", billed=not unsent(left)))
        raise
    await ending.settle()
    return Reply(said, ending.texts)


async def _whole(send: Any, ending: _Ending) -> dict[str, Any]:
    said, ending.usage = await send(ending.asked.path, ending.asked.body)
    ending.take(said)
    return said


async def _stream(send: Any, ending: _Ending, on_event: OnEvent) -> None:
    async with aclosing(send(ending.asked.path, ending.asked.body)) as events:
        async for event, usage in events:
            ending.started = True
            ending.usage = usage or ending.usage
            ending.take(event)
            on_event(event)


class _Ending:
    """What was received of one relayed request, and how its reservation ends."""

    def __init__(
        self, book: Book, budget: Budget, spent: Spent, reservation: Reservation, row: Opened, asked: Relayed
    ):
        self._book, self._budget, self._spent = book, budget, spent
        self._reservation, self._row, self.asked = reservation, row, asked
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

    async def settle(self, error: str = "") -> None:
        """At what was told, else at what was counted, else at the bound."""
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
        self._end("settled", usage or bound, mark if usage else "unreconciled", error)
        if cancelled is not None:
            raise cancelled

    async def failed(self, error: ProviderError) -> None:
        """At nothing where nothing was billed."""
        if error.billed or self.started:
            await self.settle(str(error))
        else:
            self._end("failed", Usage(0, 0), "", str(error))

    async def _counted(self) -> Usage | None:
        """What was received, by the model's own tokenizer; a prompt counts a token more than its text has."""
        provider = self._book.session.providers["default"]
        if self._book.card("default").hides_reasoning:
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

    def _end(self, state: str, usage: Usage, mark: str, error: str) -> None:
        price = self._book.card("default").price if state == "settled" else FREE
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
            self.asked.path,
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
        )


async def _repeat(book: Book, replay: Replay, asked: Relayed, spent: Spent) -> Reply:
    """The recorded outcome; of a reply only its texts are recorded, and no embeddings, which are large."""
    event = await replay.turn(("relay",), asked.path)
    book.trace.events.append(event)
    cost = event["cost_nusd"]
    spent.add(
        msgspec.convert(event["usage"], Usage),
        calls=event["calls"],
        cost=cost,
        paid=cost,
        overrun=event["overrun_nusd"],
        closed=event["closed"],
    )
    return Reply(None, tuple(event["texts"]))


def encoded_bytes(body: dict[str, Any]) -> int:
    """The bytes of a body, which its input tokens cannot exceed: a token is at least one byte.

    Example:
        >>> encoded_bytes({"input": "abc"})
        15
    """
    return len(msgspec.json.encode(body))
