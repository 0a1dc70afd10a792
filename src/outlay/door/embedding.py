"""Embeddings through the run: reserved, metered, traced, and kept by the call cache text by text."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from outlay.budget import Amount, Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Spent
from outlay.errors import BadReply, BudgetExceeded, MissingAbility, ProviderError, TimedOut
from outlay.models.retry import delay_s
from outlay.money import FREE, cost_nusd
from outlay.prompts._data import cut
from outlay.types import Usage

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

AT_ONCE = 128
"""The most texts of one request."""
LARGEST = 8_000
"""Bytes of a text that are embedded; of a longer one, its beginning and its end."""


class _Kept(Struct, frozen=True):
    """One text's vector in the call cache, with its part of the tokens of its request."""

    vector: bytes
    input_tokens: int


async def embed(
    book: Book, budget: Budget, question_id: str, texts: Sequence[str], role: str, label: str, spent: Spent
) -> NDArray[float32]:
    """The embeddings of texts as rows of length 1; a text that says nothing may be a row of zeros.

    Raises:
        UsageError: no model plays the role.
        MissingAbility: its model embeds no texts.
        BudgetExceeded: it does not fit.
        ProviderError: the model failed, after the retries that every call gets.
    """
    import numpy as np

    if "embed" not in (card := book.card(role)).abilities:
        raise MissingAbility(
            f"{card.name} embeds no texts; give the role {role} a model that does, like words/384."
        )
    vectors: list[bytes] = []
    for start in range(0, len(texts), AT_ONCE):
        batch = [cut(text, LARGEST) for text in texts[start : start + AT_ONCE]]
        vectors += await _Batch(
            book, budget, question_id, batch, role, f"{role}/{label}/{start}", spent
        ).vectors()
    rows_ND = np.stack([np.frombuffer(v, "<f4") for v in vectors]) if vectors else np.zeros((0, 0), "<f4")
    length_N = np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return (rows_ND / np.where(length_N > 0, length_N, 1)).astype(np.float32)


class _Batch:
    """The texts of one request."""

    def __init__(
        self, book: Book, budget: Budget, question_id: str, texts: list[str], role: str, key: str, spent: Spent
    ):
        self._book, self._budget, self._question_id, self._texts = book, budget, question_id, texts
        self._role, self._key, self._spent = role, key, spent
        self._card, self._session = book.card(role), book.session

    async def vectors(self) -> list[bytes]:
        """The vectors of the texts, from the call cache or bought."""
        if self._book.replay is not None:
            return await self._again()
        keys = [self._cache_key(text) for text in self._texts]
        known: dict[str, _Kept] = {}
        if self._session.cache:
            found = await self._session.store.cached(keys)
            known = {k: msgspec.json.decode(v, type=_Kept) for k, v in found.items()}
        wanted = {k: t for k, t in zip(keys, self._texts, strict=True) if k not in known}
        if wanted:
            known |= await self._buy(wanted)
        if hits := [known[k] for k in keys if k not in wanted]:
            self._count_hits(hits)
        vectors = [known[k].vector for k in keys]
        self._trace(vectors=vectors, cached=len(hits))
        return vectors

    async def _buy(self, wanted: dict[str, str]) -> dict[str, _Kept]:
        attempt = 0
        while True:
            try:
                return await self._attempt(wanted)
            except BudgetExceeded as refusal:
                self._trace(refused=str(refusal))
                raise
            except ProviderError as error:
                wait_s = delay_s(error, attempt, self._session.jitter)
                if wait_s is None:
                    self._trace(error=str(error), fatal=error.fatal)
                    raise
                await self._session.sleep(wait_s)
                attempt += 1

    async def _attempt(self, wanted: dict[str, str]) -> dict[str, _Kept]:
        most = sum(len(t.encode()) + bounds.MESSAGE_OVERHEAD for t in wanted.values())
        claim = bounds.amount(self._card, prompts=1, input_tokens=most, n=1, output_tokens=0)
        reservation = await self._budget.reserve(claim, role=self._role)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, claim)
        await write_ahead(self._book, self._budget, reservation, row)
        bound = Usage(claim.input_tokens, 0)
        state, usage, mark, said, kept = "failed", Usage(0, 0), "", "", {}
        try:
            reply, usage = await self._sent(list(wanted.values()), bound)
            state, mark = "settled", "" if usage is not bound else "unreconciled"
            kept = _shared(wanted, reply, usage.input_tokens)
        except ProviderError as error:
            said = str(error)
            if error.billed:
                state, usage, mark = "settled", bound, "unreconciled"
            raise
        except asyncio.CancelledError:
            state, usage, mark, said = "settled", bound, "unreconciled", "cancelled"
            raise
        finally:
            price = self._card.price if state == "settled" else FREE
            cost = None if price is None else cost_nusd(price, usage)
            calls = int(state == "settled")
            overrun = self._budget.settle(reservation, Amount(cost, usage.input_tokens, 0, calls))
            self._count(usage, calls, cost, cost, overrun)
            ended = self._book.ended(row, state, cost, overrun, usage, mark, said)
            cached = (
                [(k, msgspec.json.encode(v).decode()) for k, v in kept.items()] if self._session.cache else ()
            )
            self._session.store.settle(ended, cached)
        return kept

    async def _sent(self, texts: list[str], bound: Usage) -> tuple[tuple[bytes, ...], Usage]:
        provider: Any = self._session.providers[self._role]
        deadline_s = self._budget.deadline_s
        left_s = None if deadline_s is None else max(deadline_s - self._session.clock(), 0.0)
        try:
            async with asyncio.timeout(left_s):
                reply = await provider.embed(texts)
        except TimeoutError:
            raise TimedOut("the deadline passed while embeddings were awaited", billed=True) from None
        if len(reply.vectors) != len(texts) or len({len(v) for v in reply.vectors}) != 1:
            raise BadReply(f"{self._card.name} did not give one embedding for each text.", billed=True)
        return reply.vectors, reply.usage or bound

    def _count(self, usage: Usage, calls: int, cost: int | None, paid: int | None, overrun: int = 0) -> None:
        closed = self._budget.why_closed
        self._spent.add(usage, calls=calls, cost=cost, paid=paid, overrun=overrun, closed=closed)
        self._book.trace.add(
            "embedded",
            self._key,
            self._book.now_s(),
            usage=usage,
            calls=calls,
            cost_nusd=cost,
            paid_nusd=paid,
            overrun_nusd=overrun,
            closed=closed,
        )

    def _count_hits(self, hits: list[_Kept]) -> None:
        usage, price = Usage(sum(h.input_tokens for h in hits), 0), self._card.price
        cost = None if price is None else cost_nusd(price, usage)
        self._count(usage, 1, cost, 0)
        row = self._book.opened(self._question_id, self._role, self._card.name, 0, 1, Amount(cost))
        self._session.store.record_cached(row, self._book.ended(row, "cached", cost, 0, usage, "", ""))

    def _trace(self, **fields: Any) -> None:
        self._book.trace.add("embeddings", self._key, self._book.now_s(), **fields)

    def _cache_key(self, text: str) -> str:
        body = msgspec.json.encode([self._session.cache_owner, self._card.identity, "embed", text])
        return hashlib.blake2b(body, digest_size=20).hexdigest()

    async def _again(self) -> list[bytes]:
        """The recorded outcome, its attempts included."""
        replay = self._book.replay
        assert replay is not None
        while True:
            event = await replay.turn(("embedded", "embeddings"), self._key)
            self._book.trace.events.append(event)
            if event["event"] == "embedded":
                usage = msgspec.convert(event["usage"], Usage)
                more = {k: event[k] for k in ("calls", "closed")}
                nusd = {k: event[f"{k}_nusd"] for k in ("cost", "paid", "overrun")}
                self._spent.add(usage, **more, **nusd)
            elif refused := event.get("refused"):
                raise BudgetExceeded(refused)
            elif error := event.get("error"):
                raise ProviderError(error, fatal=event["fatal"])
            else:
                return msgspec.convert(event["vectors"], list[bytes])


def _shared(wanted: dict[str, str], vectors: Sequence[bytes], input_tokens: int) -> dict[str, _Kept]:
    """The vectors by cache key; the tokens of their request are split by the length of the texts, none lost."""
    sizes = [len(text) + 1 for text in wanted.values()]
    kept, done, given = {}, 0, 0
    for key, vector, size in zip(wanted, vectors, sizes, strict=True):
        done += size
        upto = input_tokens * done // sum(sizes)
        kept[key] = _Kept(vector, upto - given)
        given = upto
    return kept
