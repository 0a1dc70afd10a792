"""Kept-alive connections to one server: direct, over TLS, or through a proxy; at most so many at once."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections import deque
from urllib.parse import SplitResult, unquote, urlsplit

from outlay.errors import mark_unsent
from outlay.models.http_connection import Closed, Connection, Response
from outlay.models.http_tunnel import Refused, tunnel

IDLE_S = 15.0
"""How long a connection is kept without use; servers close theirs after a while too."""
PORTS = {"http": 80, "https": 443}


class NoConnection(Exception):
    """No connection came about; `why` is timeout, certificate, name, refused or proxy."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


class Pool:
    """Connections to the server of a URL.

    A request that finds its kept-alive connection closed before the first byte is sent again, once, at once, on a new
    one: the server had closed it and never saw the request (llama.cpp does so after two of five streams).

    Args:
        server: a URL of the server; its path does not matter.
        proxy: the URL of an HTTP proxy to go through, or None.
        connect_s: the most seconds that a connection may take.
        silence_s: the most seconds that a server may send nothing.
        limit: the most requests at once; further ones wait.
    """

    def __init__(
        self, server: SplitResult, proxy: str | None, *, connect_s: float, silence_s: float, limit: int
    ):
        self._server, self._proxy = server, None if proxy is None else urlsplit(proxy)
        self._connect_s, self._silence_s = connect_s, silence_s
        self._permits = asyncio.Semaphore(limit)
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        return len(self._open)

    @property
    def forwards(self) -> bool:
        """Whether requests go to a proxy that reads them: they name the whole URL then."""
        return self._proxy is not None and self._server.scheme == "http"

    @property
    def proxy_authorization(self) -> str:
        """What a proxy is told of who asks; empty where it wants nothing."""
        if self._proxy is None or self._proxy.username is None:
            return ""
        told = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return "Basic " + base64.b64encode(told.encode()).decode()

    async def ask(self, head: bytes, body: bytes) -> Response:
        """The response to a request, its head there; the caller closes it.

        Raises:
            NoConnection: none could be made; nothing was sent.
            Silent, Closed, NotHttp: the response did not come.
        """
        await self._turn()
        kept = self._kept()
        if kept is not None:
            response = self._sent(kept, head, body)
            try:
                return await _opened(response)
            except Closed:
                if response.begun:
                    raise
            await self._turn()
        try:
            connection = await self._connected()
        except BaseException as error:
            self._permits.release()
            mark_unsent(error)
            raise
        return await _opened(self._sent(connection, head, body))

    async def close(self) -> None:
        """Close every connection; requests in flight fail."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in tuple(self._open):
            connection.drop()
        self._open.clear()
        self._idle.clear()
        # The transports close in the loop's next step.
        await asyncio.sleep(0)

    async def _turn(self) -> None:
        try:
            await self._permits.acquire()
        except asyncio.CancelledError as left:
            mark_unsent(left)
            raise

    def _sent(self, connection: Connection, head: bytes, body: bytes) -> Response:
        return connection.ask(head, body, self._silence_s, lambda: self._ended(connection))

    def _ended(self, connection: Connection) -> None:
        self._permits.release()
        if not connection.reusable:
            self._open.discard(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since_s = loop.time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = loop.call_later(IDLE_S, self._sweep)

    def _kept(self) -> Connection | None:
        """The connection used last, which is the one least likely to be closed."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            self._open.discard(connection)
        return None

    def _sweep(self) -> None:
        """Close what was not used for a while."""
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - self._idle[0].idle_since_s >= IDLE_S:
            connection = self._idle.popleft()
            connection.drop()
            self._open.discard(connection)
        self._sweeping = loop.call_later(IDLE_S, self._sweep) if self._idle else None

    async def _connected(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_s):
                connection = await self._through_proxy() if self._proxy else await self._direct()
        except TimeoutError:
            raise NoConnection("timeout") from None
        except ssl.SSLError:
            raise NoConnection("certificate") from None
        except Refused:
            raise NoConnection("proxy") from None
        except socket.gaierror:
            raise NoConnection("name") from None
        except OSError:
            raise NoConnection("refused") from None
        self._open.add(connection)
        return connection

    async def _direct(self) -> Connection:
        loop = asyncio.get_running_loop()
        host, port = self._server.hostname or "", self._server.port or PORTS[self._server.scheme]
        tls = self._context() if self._server.scheme == "https" else None
        _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
        return connection

    async def _through_proxy(self) -> Connection:
        assert self._proxy is not None
        loop = asyncio.get_running_loop()
        at = (self._proxy.hostname or "", self._proxy.port or PORTS["http"])
        if self.forwards:
            _, connection = await loop.create_connection(Connection, *at)
            return connection
        target = f"{self._server.hostname}:{self._server.port or PORTS['https']}"
        plain = await tunnel(at, target, self.proxy_authorization)
        connection = Connection()
        try:
            tls = await loop.start_tls(
                plain, connection, self._context(), server_hostname=self._server.hostname
            )
        except BaseException:
            plain.abort()
            raise
        assert tls is not None
        connection.connection_made(tls)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


async def _opened(response: Response) -> Response:
    try:
        await response.head()
    except BaseException:
        response.close()
        raise
    return response
