"""A request to another address of a model's server, passed through as it is: bounded, metered, traced, never retried.

Plain completions and embeddings go this way. A reply in one piece without usage stands at its bound; a streamed one is
settled like every stream: at the usage in it, else counted by the model's tokenizer, else at the bound.

Where several models play the default role, the next is asked for what the one before failed to answer, as in a draw:
a model's breaker says whether it is asked at all, and nobody goes on once the client has seen a part of a reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct

from outlay import chain
from outlay.budget import Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.relay_ending import Relayed, RelayEnding, key_of
from outlay.door.session import Spent
from outlay.errors import (
    BadReply,
    BudgetExceeded,
    Crowded,
    MissingAbility,
    OutlayError,
    ProviderError,
    TimedOut,
    Unreachable,
    unsent,
)
from outlay.trace import Replay
from outlay.types import Usage

OnEvent = Callable[[dict[str, Any]], None]


class Reply(Struct, frozen=True):
    """What came back: the whole reply where it came in one piece now, and the text of each choice."""

    said: dict[str, Any] | None
    texts: tuple[str, ...] = ()


class _Link(Struct, frozen=True):
    """One model of the chain: its seat, and whether another one stands behind it."""

    seat: str
    more: bool


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
    seats = chain.seats("default", book.session.cards)
    links = [_Link(seat, number < len(seats)) for number, seat in enumerate(seats, 1)]
    if book.replay is not None:
        return await _repeat(book, book.replay, links, asked, spent)
    failed: OutlayError | None = None
    for link in links:
        one = _Relaying(book, budget, question_id, asked, spent, on_event, link)
        try:
            return await one.answered()
        except (BudgetExceeded, MissingAbility, ProviderError) as failure:
            # That the budget does not admit the next model says less than why the one before it failed.
            if failed is None or isinstance(failure, ProviderError):
                failed = failure
            if not one.onward:
                break
    assert failed is not None
    raise failed


class _Relaying:
    """One model asked; `onward` says whether the next one may be, after a failure."""

    def __init__(
        self,
        book: Book,
        budget: Budget,
        question_id: str,
        asked: Relayed,
        spent: Spent,
        on_event: OnEvent | None,
        link: _Link,
    ):
        self._book, self._budget, self._question_id, self._asked = book, budget, question_id, asked
        self._spent, self._on_event, self._link = spent, on_event, link
        self._breaker = book.session.breakers.get(link.seat)
        self.onward = self._late = False

    async def answered(self) -> Reply:
        """The reply of this model.

        Raises:
            As `relay`.
        """
        seat, card = self._link.seat, self._book.card(self._link.seat)
        kind = "relay" if self._on_event is None else "relay_stream"
        send = getattr(self._book.session.providers[seat], kind, None)
        if send is None:
            why = f"{card.name} answers chat messages only, not {self._asked.path}"
            raise self._skipped(MissingAbility(f"{why}."), why)
        if self._breaker is not None and self._link.more and not self._breaker.admits():
            why = f"{card.name} failed too often and is left alone for a while"
            raise self._skipped(Unreachable(why), why)
        told = False
        try:
            reply, told = await self._bought(send), True
        except ProviderError as failure:
            told = self._tell(failure)
            raise
        except BudgetExceeded as refusal:
            # A cheaper model may stand further down; the first one's refusal is the answer.
            raise refusal if seat == "default" else self._skipped(refusal, str(refusal)) from None
        finally:
            if self._breaker is not None and not told:
                self._breaker.left()
        self._tell(None)
        _count_elsewhere(self._book, seat, self._spent, self._asked.n)
        return reply

    async def _bought(self, send: Any) -> Reply:
        book, budget, asked, seat = self._book, self._budget, self._asked, self._link.seat
        card = book.card(seat)
        claim = bounds.amount(
            card, prompts=1, input_tokens=asked.input_tokens, n=asked.n, output_tokens=asked.output_tokens
        )
        reservation = await budget.reserve(claim)
        row = book.opened(self._question_id, "default", card.name, 0, asked.n, claim)
        await write_ahead(book, budget, reservation, row)
        ending = RelayEnding(book, budget, self._spent, reservation, row, asked, seat)
        left_s = self._left_s()
        try:
            async with asyncio.timeout(left_s):
                said = await self._whole(send, ending, left_s)
        except ProviderError as error:
            self.onward = self._goes_on(error, ending)
            await ending.failed(error, onward=self.onward)
            raise
        except TimeoutError as passed:
            self._late = True
            late = TimedOut("the deadline passed while the reply was awaited", billed=not unsent(passed))
            await ending.failed(late)
            raise late from None
        except BaseException as left:
            await ending.failed(BadReply("cancelled", billed=not unsent(left)))
            raise
        await ending.settle()
        return Reply(said, ending.texts)

    async def _whole(self, send: Any, ending: RelayEnding, left_s: float | None) -> dict[str, Any] | None:
        """The reply in one piece; None where it was streamed, each event handed on."""
        path, body = ending.asked.path, ending.asked.body
        if self._on_event is None:
            said, ending.usage = await send(path, body, left_s=left_s)
            ending.take(said)
            return said
        async with aclosing(send(path, body, left_s=left_s)) as events:
            async for event, usage in events:
                ending.started = True
                ending.usage = usage or ending.usage
                ending.take(event)
                self._on_event(event)
        return None

    def _skipped(self, failure: OutlayError, why: str) -> OutlayError:
        """The failure of a model that is not asked, traced where another one stands behind it."""
        if self._link.more:
            self._book.trace.add("skip", key_of(self._link.seat, self._asked.path), self._book.now_s(), why=why)
            self.onward = True
        return failure

    def _goes_on(self, failure: ProviderError, ending: RelayEnding) -> bool:
        left_s = self._left_s()
        in_time = left_s is None or left_s > 0
        return self._link.more and not ending.started and in_time and chain.elsewhere(failure)

    def _tell(self, failure: ProviderError | None) -> bool:
        """Let the breaker know how the model fared; False where that says nothing of the upstream."""
        if self._late or isinstance(failure, Crowded):
            return False
        if self._breaker is not None:
            if failure is None or not chain.elsewhere(failure):
                self._breaker.succeeded()
            else:
                self._breaker.failed(failure.retry_after_s)
        return True

    def _left_s(self) -> float | None:
        """Seconds until the deadline; None is no deadline."""
        deadline_s = self._budget.deadline_s
        return None if deadline_s is None else max(deadline_s - self._book.session.clock(), 0.0)


async def _repeat(book: Book, replay: Replay, links: list[_Link], asked: Relayed, spent: Spent) -> Reply:
    """The recorded outcome; of a reply only its texts are recorded, and no embeddings, which are large."""
    for link in links:
        key = key_of(link.seat, asked.path)
        if replay.left("skip", key):
            book.trace.events.append(await replay.turn(("skip",), key))
            continue
        event = await replay.turn(("relay",), key)
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
        if event.get("onward"):
            continue
        _count_elsewhere(book, link.seat, spent, event["calls"])
        return Reply(None, tuple(event["texts"]))
    raise OutlayError("The replay diverged from its trace: no model of the chain is left in it.")


def _count_elsewhere(book: Book, seat: str, spent: Spent, calls: int) -> None:
    """Note what a model further down the chain has served."""
    if seat != "default":
        name = book.card(seat).name
        spent.elsewhere[name] = spent.elsewhere.get(name, 0) + calls


def encoded_bytes(body: dict[str, Any]) -> int:
    """The bytes of a body, which its input tokens cannot exceed: a token is at least one byte.

    Example:
        >>> encoded_bytes({"input": "abc"})
        15
    """
    return len(msgspec.json.encode(body))
