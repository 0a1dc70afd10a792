"""A model of an OpenAI-compatible server that embeds texts (`POST /v1/embeddings`) and answers no chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from outlay.errors import BadReply
from outlay.models.chatless import Chatless
from outlay.models.provider import Embedded
from outlay.money import Price
from outlay.types import Usage

LARGEST_DIMENSIONS = 16_384
"""A longer vector is no embedding but a fault of the server."""


class _Row(Struct):
    index: int
    embedding: list[float]


class openai_embeddings(Chatless):  # a provider's class is named as users write it
    """A `Provider` and `Embedder` over `/embeddings` of one server.

    Args:
        model: the name by which the server knows the model.
        base_url: up to and including `/v1`.
        api_key: sent as a bearer token; empty for none.
        headers: further headers of every request.
        price: of input tokens, or None where nobody knows.
        concurrency: the most requests at once.

    Raises:
        UsageError: not a base URL.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str = "",
        headers: Mapping[str, str] | None = None,
        price: Price | None = None,
        concurrency: int = 64,
    ):
        super().__init__(
            model,
            base_url=base_url,
            path="embeddings",
            ability="embed",
            does="embeds texts",
            api_key=api_key,
            headers=headers,
            price=price,
            concurrency=concurrency,
        )

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The embeddings of texts in their order.

        Raises:
            BadReply: not as many finite vectors of one length as texts.
            ProviderError: the server failed.
        """
        said, usage = await self._asked({"input": list(texts), "encoding_format": "float"})
        return Embedded(_vectors(said, len(texts)), usage)

    async def relay(
        self, path: str, body: dict[str, Any], *, left_s: float | None = None
    ) -> tuple[dict[str, Any], Usage | None]:
        """The server's own reply to a client's request at `path`, and the usage in it.

        Raises:
            ProviderError: the server failed.
        """
        return await self._server.relay(path, body, left_s=left_s)


def _vectors(said: dict[str, Any], n: int) -> tuple[bytes, ...]:
    try:
        rows = msgspec.convert(said.get("data"), list[_Row])
    except msgspec.ValidationError:
        rows = []
    by_index = {row.index: row.embedding for row in rows}
    lengths = {len(v) for v in by_index.values()}
    if sorted(by_index) != list(range(n)) or len(lengths) != 1 or not 0 < max(lengths) <= LARGEST_DIMENSIONS:
        raise BadReply("The server did not send one embedding for each text.", billed=True)
    matrix_ND = np.array([by_index[i] for i in range(n)], dtype="<f4")
    if not np.isfinite(matrix_ND).all():
        raise BadReply("The server sent an embedding that is not finite.", billed=True)
    return tuple(row.tobytes() for row in matrix_ND)
