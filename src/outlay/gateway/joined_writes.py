"""A reply's head leaves with the beginning of its body: two writes are two system calls and wake the client twice."""

from __future__ import annotations

import asyncio
from typing import Any

from outlay.gateway.clients import CLIENT, Client
from outlay.gateway.heads import Heads

HEAD = b"HTTP/1.1 "


class Joined:
    """A transport that holds a reply's head until its body begins, or until this step of the event loop is over."""

    def __init__(self, transport: Any):
        self._transport, self._head = transport, b""
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write data, after a head that waits for it."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def write_eof(self) -> None:
        """Say that nothing more comes, after what waits."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close once everything is written, what waits too."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)


class JoinedWrites(Heads):
    """The server's protocol, over such a transport; it tells whoever serves a request when its client has left."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(Joined(transport))  # type: ignore[arg-type]
        self._client = Client(self.flow)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope[CLIENT] = self._client  # type: ignore[typeddict-unknown-key]

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self._client.leave()
