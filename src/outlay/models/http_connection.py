"""One HTTP/1.1 connection to a server of models, over httptools: a request out, its response in, block by block.

A general client spends more on a call than the rest of outlay does together; a metered stream needs little of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools

MAX_HEAD_BYTES = 65_536
HELD_BYTES = 262_144
"""Beyond this much that nobody has read yet the server is kept waiting."""


class Silent(Exception):
    """The server sent nothing for too long."""


class Closed(Exception):
    """The connection ended before the response did."""


class NotHttp(Exception):
    """What came is not a response in plain HTTP/1.1."""


class Headers(dict[str, str]):
    """A response's headers by lower-case name; asked for in any case."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        """The value of a header, or `default`."""
        return super().get(key.lower(), default)


class Response:
    """A response as it comes in. Close it, whatever happens: a body that was not read to its end ends the connection.

    Attributes:
        status: the status code, once `head` has returned.
        headers: likewise.
        begun: whether anything of it has come.
        ended: whether all of it has come.
    """

    def __init__(self, connection: Connection, silence_s: float, on_end: Callable[[], None]):
        self.status, self.headers, self.begun, self.ended = 0, Headers(), False, False
        self._connection, self._silence_s, self._on_end = connection, silence_s, on_end
        self._loop = asyncio.get_running_loop()
        self._blocks: list[bytes] = []
        self._held = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._since_s = self._loop.time()
        # One timer a response, which looks how long the server has been silent: one a block would cost more than it.
        self._timer = self._loop.call_later(silence_s, self._listen)

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("content-type").partition(";")[0].strip().lower()

    async def head(self) -> None:
        """Return once status and headers are there.

        Raises:
            Silent, Closed, NotHttp: they did not come.
        """
        while not self.status:
            await self._more()

    async def read(self) -> bytes:
        """What has come of the body since the last time, waiting for the first of it; empty at its end.

        Raises:
            Silent, Closed, NotHttp: the body broke off; what came before that was given first.
        """
        while not self._blocks:
            if self.ended:
                return b""
            await self._more()
        block = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
        self._blocks.clear()
        if self._held > HELD_BYTES and not self.ended:
            self._connection.keep_waiting(False)
        self._held = 0
        return block

    def close(self) -> None:
        """Let the connection go: back to its pool after a whole response, closed after any other."""
        if not self.ended and self._failure is None:
            self.fail(Closed())

    def fail(self, failure: Exception) -> None:
        """End it before its end, and the connection with it."""
        if self.ended or self._failure is not None:
            return
        self._failure = failure
        self._timer.cancel()
        self._connection.abort()
        self._wake()
        self._on_end()

    def opened(self, status: int, headers: Headers) -> None:
        """Take the head in."""
        self.status, self.headers = status, headers
        self._wake()

    def add(self, block: bytes) -> None:
        """Take a part of the body in."""
        self._blocks.append(block)
        self._held += len(block)
        if self._held > HELD_BYTES:
            self._connection.keep_waiting(True)
        self._wake()

    def end(self) -> None:
        """Everything has come."""
        self.ended = True
        self._timer.cancel()
        self._wake()
        self._on_end()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _listen(self) -> None:
        now_s = self._loop.time()
        if self._waiter is None:
            self._since_s = now_s
        elif now_s >= self._since_s + self._silence_s:
            self.fail(Silent())
            return
        self._timer = self._loop.call_at(self._since_s + self._silence_s, self._listen)

    async def _more(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter, self._since_s = self._loop.create_future(), self._loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None and not self._blocks:
            raise self._failure


class Connection(asyncio.Protocol):
    """One connection; `ask` again only once the response before has ended and `reusable` says so."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self.idle_since_s = 0.0
        self._response: Response | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers = Headers()
        self._head_bytes = 0
        self._framed = self._paused = False

    def ask(self, head: bytes, body: bytes, silence_s: float, on_end: Callable[[], None]) -> Response:
        """Send a request; its response comes in."""
        assert self.transport is not None
        self._response = response = Response(self, silence_s, on_end)
        self.transport.writelines((head, body))
        return response

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last one was read to its end and neither side has closed."""
        transport = self.transport
        return (
            not self.closed
            and self._response is None
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    def abort(self) -> None:
        """Drop the connection; the server stops writing."""
        self._response = None
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def drop(self) -> None:
        """Close it now; a response that is under way fails."""
        if self._response is not None:
            self._response.fail(Closed())
        else:
            self.abort()

    def keep_waiting(self, paused: bool) -> None:
        """Keep the server waiting, or read on."""
        if self._paused == paused or self.transport is None or self.transport.is_closing():
            return
        self._paused = paused
        (self.transport.pause_reading if paused else self.transport.resume_reading)()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way: a body whose end only the close tells is whole, any other broke off."""
        self.closed = True
        response, self._response = self._response, None
        if response is None:
            return
        if response.status and not self._framed and exc is None:
            response.end()
        else:
            response.fail(Closed())

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._response is None:
            # Nothing was asked, so nothing that comes can be a response.
            self.abort()
            return
        self._response.begun = True
        if not self._response.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp())
        if self._head_bytes > MAX_HEAD_BYTES and self._response is not None and not self._response.status:
            self._fail(NotHttp())

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self._response is None:
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        status, headers = self._parser.get_status_code(), self._headers
        self._headers, self._head_bytes = Headers(), 0
        if self._response is None or 100 <= status < 200:
            return
        if headers.get("content-encoding", "identity") != "identity":
            self._fail(NotHttp())
            return
        chunked = "chunked" in headers.get("transfer-encoding")
        self._framed = chunked or "content-length" in headers or status in (204, 304)
        self._response.opened(status, headers)

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if self._response is not None:
            self._response.add(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        response = self._response
        if response is None or not response.status:
            return
        self._response = None
        self.keep_waiting(False)
        if not self._parser.should_keep_alive():
            self.closed = True
            if self.transport is not None:
                self.transport.close()
        response.end()

    def _fail(self, failure: Exception) -> None:
        if self._response is not None:
            self._response.fail(failure)
