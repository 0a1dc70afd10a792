"""What models of a server that answer no chat have in common: a stated card, one address, and no tokens to count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from outlay.errors import BadRequest
from outlay.models.openai_chat import openai_chat
from outlay.models.provider import Card
from outlay.money import Price
from outlay.types import Delta, Request, Usage


class Chatless:
    """A `Provider` that can be asked at one address of its server, and for nothing else.

    Args:
        model: the name by which the server knows the model.
        base_url: what `path` is found under.
        path: the one address.
        ability: what the model can do, as abilities are named.
        does: the same in words, for whoever asks it to chat.
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
        path: str,
        ability: str,
        does: str,
        api_key: str,
        headers: Mapping[str, str] | None,
        price: Price | None,
        concurrency: int,
    ):
        self._path, self._does = path, does
        # Such a reply looks alike on every server of its kind, so nothing is asked of it first.
        self._server = openai_chat(
            model,
            base_url=base_url,
            api_key=api_key,
            dialect="openai",
            headers=headers,
            concurrency=concurrency,
        )
        identity = f"{base_url.rstrip('/')}/{path}/{model}"
        self._card = Card(model, identity, frozenset({ability}), price, concurrency=concurrency)

    async def card(self) -> Card:
        """The card as it was stated; nothing is asked of the server."""
        return self._card

    async def _asked(self, body: dict[str, Any]) -> tuple[dict[str, Any], Usage | None]:
        return await self._server.relay(self._path, body)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Nothing: it answers no chat.

        Raises:
            BadRequest: always.
        """
        raise BadRequest(
            f"{self._card.name} {self._does} and answers no chat; choose another model.", fatal=True
        )
        yield

    async def count_input(self, request: Request) -> int | None:
        """None: the server's tokenizer cannot be asked."""
        return None

    async def count_text(self, text: str) -> int | None:
        """None: the server's tokenizer cannot be asked."""
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self._server.close()
