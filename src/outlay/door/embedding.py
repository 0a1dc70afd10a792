"""Embeddings through the run: reserved, metered, traced, and kept by the call cache text by text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from outlay.budget import Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.reading import EMBEDDINGS, Reading
from outlay.door.session import Spent
from outlay.errors import BadReply, MissingAbility
from outlay.models.provider import Embedded
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
        key = f"{role}/{label}/{start}"
        vectors += await _vectors(Reading(EMBEDDINGS, book, budget, question_id, role, key, spent), batch, book)
    rows_ND = np.stack([np.frombuffer(v, "<f4") for v in vectors]) if vectors else np.zeros((0, 0), "<f4")
    length_N = np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return (rows_ND / np.where(length_N > 0, length_N, 1)).astype(np.float32)


async def _vectors(reading: Reading, texts: list[str], book: Book) -> list[bytes]:
    """The vectors of the texts of one request, from the call cache or bought."""
    if book.replay is not None:
        return msgspec.convert((await reading.again())["vectors"], list[bytes])
    keys = [reading.cache_key(text) for text in texts]
    known = await reading.cached(keys, _Kept)
    wanted = {k: t for k, t in zip(keys, texts, strict=True) if k not in known}
    if wanted:
        asked = list(wanted.values())
        most = sum(len(t.encode()) + bounds.MESSAGE_OVERHEAD for t in asked)
        known |= await reading.buy(
            most,
            lambda model: _sent(model, asked, reading.model),
            lambda rows, usage: _shared(wanted, rows, usage.input_tokens),
        )
    if hits := [known[k] for k in keys if k not in wanted]:
        reading.hit(Usage(sum(h.input_tokens for h in hits), 0))
    vectors = [known[k].vector for k in keys]
    reading.tell(vectors=vectors, cached=len(hits))
    return vectors


async def _sent(provider: Any, texts: list[str], name: str) -> tuple[tuple[bytes, ...], Usage | None]:
    reply: Embedded = await provider.embed(texts)
    if len(reply.vectors) != len(texts) or len({len(v) for v in reply.vectors}) != 1:
        raise BadReply(f"{name} did not give one embedding for each text.", billed=True)
    return reply.vectors, reply.usage


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
