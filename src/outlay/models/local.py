"""A GGUF model on this machine: llama.cpp in a child process that outlay starts, watches and stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from outlay.errors import BadRequest, ProviderError, Unreachable, UsageError
from outlay.models import digest, gguf, price_book
from outlay.models.calibrate import calibrate
from outlay.models.catalogue import CATALOGUE, installed
from outlay.models.cores import cores
from outlay.models.local_process import LocalProcess, lease, release
from outlay.models.openai_chat import openai_chat
from outlay.models.provider import Card
from outlay.models.turns import turns
from outlay.money import Price
from outlay.types import Delta, Request, Usage

Slots = Annotated[int, Meta(ge=1, le=256)]
"""How many texts a server writes at once."""
SLOTS = 8
"""Slots unless stated otherwise; a frozen price holds for these."""
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
ABILITIES = frozenset({"chat", "prefix", "logprobs", "n", "seed"})
"""What every model here can do; `tools` too where the file's chat template shows them."""


def abilities_of(path: Path) -> frozenset[str]:
    """What a model file can do under llama.cpp's server."""
    return ABILITIES | {"tools"} if gguf.takes_tools(path) else ABILITIES


class local:
    """A model file served by llama.cpp in a child process, with several slots over one prompt cache.

    The server starts with the first request, listens on loopback with a key of its own, and ends with
    `close`, or with this process however that ends. Providers of one process that name the same file share
    one server. A server that dies fails what is in flight with `Unreachable`, which may be retried: the next
    request starts it again, once for every reply that it gave.

    Choices of one request (`n`) read the prompt once; parallel single requests do not share it. One seed
    gives the same text only as long as the same other texts are being written beside it. There is no `score`
    ability: llama.cpp gives log-probabilities of what it drew, not of a given text. A model has the ability
    `tools` where the chat template in its file names them.

    Args:
        model: a path to a `.gguf` file, or the name of a model that was pulled; nothing is downloaded here.
        slots: texts written at once, and the most choices of one request; 1 … 256. context_tokens: prompt and
        output of one text, together. Memory: slots · context_tokens · 12 to 28 kB for
            models of 0.5 to 1.5 billion parameters.
        price: what a token costs; None takes the price book's, or measures it once (`calibrate`).

    Raises:
        UsageError: there is no such model here; the sentence says how to pull it.
    """

    def __init__(
        self, model: str | Path, *, slots: Slots = SLOTS, context_tokens: int = 4096, price: Price | None = None
    ):
        self.path = installed(model)
        self.slots = slots
        self._name = f"local/{model}"
        self._pin = CATALOGUE[str(model)].sha256 if str(model) in CATALOGUE else ""
        self._context_tokens = context_tokens
        self._price = price
        self._process: LocalProcess | None = None
        self._client: openai_chat | None = None
        self._url = ""
        self._connecting = asyncio.Lock()
        self._carding = asyncio.Lock()
        self._card: Card | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None while none runs."""
        return self._process.pid if self._process else None

    async def card(self) -> Card:
        """The card. The first one on a machine measures the model's price, which takes a few seconds.

        Raises:
            UsageError: a pulled file does not have the catalogue's hash.
            ProviderError: the price must be measured and the server fails.
        """
        async with self._carding:
            self._card = self._card or await self._probed()
            return self._card

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Deltas of the reply. Closing the iterator frees the slot within a tenth of a second.

        Raises:
            BadRequest: more choices than slots, an output bound below 1 (llama.cpp would write a token), an
                unknown role (it would take it), or a prompt longer than the context.
            Unreachable: the server does not start, or died; with the end of its log.
            ProviderError: anything else that the server refuses.
        """
        self._check(request)
        process, client = await self._connected()
        try:
            async with (
                turns().turn(process),
                aclosing(client.stream(request)) as deltas,  # pyright: ignore[reportArgumentType]
            ):
                async for delta in deltas:
                    yield delta
        except ProviderError as error:
            raise await self._explained(process, error) from error
        process.replied()

    async def count_input(self, request: Request) -> int | None:
        """Input tokens of the request in the model's own template, by its own tokenizer."""
        _, client = await self._connected()
        return await client.count_input(request)

    async def count_text(self, text: str) -> int | None:
        """Tokens of a text by the model's own tokenizer."""
        _, client = await self._connected()
        return await client.count_text(text)

    async def relay(
        self, path: str, body: dict[str, Any], *, left_s: float | None = None
    ) -> tuple[dict[str, Any], Usage | None]:
        """The server's reply to a request at another address of its API, and the usage in it.

        Raises:
            ProviderError: the server refuses it, does not start, or died.
        """
        process, client = await self._connected()
        try:
            async with turns().turn(process):
                said = await client.relay(path, body, left_s=left_s)
        except ProviderError as error:
            raise await self._explained(process, error) from error
        process.replied()
        return said

    async def relay_stream(
        self, path: str, body: dict[str, Any], *, left_s: float | None = None
    ) -> AsyncIterator[tuple[dict[str, Any], Usage | None]]:
        """The events of the server's streamed reply to a request at another address, each with the usage in it.

        Raises:
            ProviderError: the server refuses it, does not start, or died.
        """
        process, client = await self._connected()
        try:
            async with (
                turns().turn(process),
                aclosing(client.relay_stream(path, body, left_s=left_s)) as events,
            ):
                async for event in events:
                    yield event
        except ProviderError as error:
            raise await self._explained(process, error) from error
        process.replied()

    async def close(self) -> None:
        """Closes the connection, and stops the server if no other provider uses it."""
        client, self._client = self._client, None
        process, self._process = self._process, None
        if client is not None:
            await client.close()
        if process is not None:
            await asyncio.to_thread(release, process)

    def _check(self, request: Request) -> None:
        if request.n > self.slots:
            raise BadRequest(
                f"{self._name} has {self.slots} slots and cannot draw {request.n} choices in one request; "
                "ask for fewer at once, or open it with more slots."
            )
        if request.max_output_tokens < 1:
            wanted = request.max_output_tokens
            raise BadRequest(f"{self._name} cannot write {wanted} tokens; ask for at least one.")
        for role in [message.get("role") for message in request.messages]:
            # llama.cpp takes any word, and the model then reads a turn that it never learnt.
            if role not in ROLES:
                raise BadRequest(f"{role!r} is no role of a message; there are: {', '.join(sorted(ROLES))}.")

    async def _connected(self) -> tuple[LocalProcess, openai_chat]:
        async with self._connecting:
            if self._process is None:
                self._process = lease(self.path, self.slots, self._context_tokens, cores())
            process = self._process
            await asyncio.to_thread(process.ensure)
            if self._client is None or self._url != process.url:
                stale, self._client = self._client, self._opened(process)
                self._url = process.url
                if stale is not None:
                    await stale.close()
            return process, self._client

    def _opened(self, process: LocalProcess) -> openai_chat:
        return openai_chat(
            self._name,
            base_url=f"{process.url}/v1",
            api_key=process.api_key,
            dialect="llama.cpp",
            max_n=self.slots,
            context_tokens=self._context_tokens,
        )

    async def _explained(self, process: LocalProcess, error: ProviderError) -> ProviderError:
        """`error`, or the server's death where that is what is behind it."""
        if isinstance(error, BadRequest):
            return error
        death = await asyncio.to_thread(process.death)
        if death is None:
            return error
        return Unreachable(f"{death} The next request starts it again.", retryable=True, billed=error.billed)

    async def _probed(self) -> Card:
        sha256 = await asyncio.to_thread(digest.sha256, self.path)
        if self._pin and sha256 != self._pin:
            raise UsageError(
                f"{self.path} has SHA-256 {sha256}, expected {self._pin}; delete it and pull the model again."
            )
        return Card(
            name=self._name,
            identity=f"local/{sha256[:16]}",
            abilities=abilities_of(self.path),
            price=self._price or await self._measured(sha256),
            context_tokens=self._context_tokens,
            max_n=self.slots,
            shares_prompt=True,
            concurrency=self.slots,
            note=f"{self.path.stat().st_size / 1e6:,.0f} MB on {cores()} cores",
        )

    async def _measured(self, sha256: str) -> Price:
        known = price_book.find(sha256, self.slots, cores())
        if known is not None:
            return known
        process, _ = await self._connected()
        price = await calibrate(self, slots=self.slots, cores=cores(), core_s=process.core_s)
        return price_book.freeze(sha256, self.slots, cores(), price)
