"""A tunnel through an HTTP proxy, by which a server is reached over TLS."""

from __future__ import annotations

import asyncio

from outlay.models.http_connection import MAX_HEAD_BYTES


class Refused(Exception):
    """The proxy does not open a tunnel."""


class Tunnel(asyncio.Protocol):
    """The proxy's answer to `CONNECT`, which is a head without a body."""

    def __init__(self) -> None:
        self._head = b""
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Take the answer in; a server over TLS is silent until it is spoken to, so nothing follows it."""
        self._head += data
        if self._answered.done() or (b"\r\n\r\n" not in self._head and len(self._head) < MAX_HEAD_BYTES):
            return
        if self._head.split(b" ")[1:2] == [b"200"] and self._head.endswith(b"\r\n\r\n"):
            self._answered.set_result(None)
        else:
            self._answered.set_exception(Refused())

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy hung up."""
        if not self._answered.done():
            self._answered.set_exception(Refused())

    async def opened(self) -> None:
        """Return once the tunnel is there.

        Raises:
            Refused: it will not be.
        """
        await self._answered


async def tunnel(at: tuple[str, int], target: str, authorization: str) -> asyncio.Transport:
    """A transport that reaches `target` (`host:port`) through the proxy at an address.

    Raises:
        Refused: the proxy does not open one.
        OSError: there is no proxy.
    """
    transport, asked = await asyncio.get_running_loop().create_connection(Tunnel, *at)
    who = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    try:
        transport.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{who}\r\n".encode())
        await asked.opened()
    except BaseException:
        transport.abort()
        raise
    return transport
