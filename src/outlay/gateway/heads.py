"""The head of a request as it arrives: bounded in bytes, headers and time, and refused in OpenAI's shape.

A body must go on arriving, too; how large it may be is `body`'s to say.

What is no HTTP never reaches the application, so its refusal is written here. uvicorn alone reads heads of any size
for any time, and answers what it cannot read with a plain text.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from outlay.gateway.errors import BadHead, body_of

MAX_BYTES = 64 * 1024
"""Bytes of a request's line and headers together."""
MAX_URL_BYTES = 8 * 1024
MAX_HEADERS = 100
HEAD_S = 30.0
"""How long a head may take, from its first byte or the connection on, and a body say nothing; looked at as often."""
LINGER_S = 1.0
"""How long a refused client is still listened to: to close at once would take the refusal from whoever still sends."""


class Heads(HttpToolsProtocol):
    """uvicorn's protocol, which refuses a head that is too large (431), long (414) or slow (408), or no HTTP (400).

    A connection on which something was refused is closed, and so is one that never said a word; one that idles between
    requests is uvicorn's to close.
    """

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self._in_head, self._head_bytes = True, 0
        self._n_headers = self._parts_bytes = 0
        self._since_s = self.loop.time()
        self._why: BadHead | None = None
        self._refused = False
        self._looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._looking = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a client. Of a head that is not whole yet every byte counts; a whole one counts by its parts."""
        if self._refused or self.parser is None:
            return
        if not (self._in_head and self._head_bytes):
            self._since_s = self.loop.time()
        if self._in_head:
            self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        # A wish to speak another protocol is not granted: the request is answered as it stands.
        with contextlib.suppress(HttpParserUpgrade):
            try:
                self.parser.feed_data(data)
            except HttpParserError:
                self._refuse(self._why or BadHead(400, "That is no request in HTTP/1.1.", "malformed_http"))
        if self._in_head and self._head_bytes > MAX_BYTES and not self._refused:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._n_headers = self._parts_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._stop(BadHead(414, f"The address is longer than {MAX_URL_BYTES // 1024} KiB.", "url_too_long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of it."""
        self._n_headers += 1
        self._parts_bytes += len(name) + len(value)
        if self._n_headers > MAX_HEADERS or self._parts_bytes > MAX_BYTES:
            self._stop(_too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0

    def on_message_complete(self) -> None:
        """The request is whole; the next begins with a head."""
        super().on_message_complete()
        self._in_head = True

    def _stop(self, refusal: BadHead) -> None:
        """End the reading of a head; the parser hands the refusal on."""
        self._why = refusal
        raise refusal

    def _refuse(self, refusal: BadHead) -> None:
        self._refused = True
        told = body_of(refusal)
        self.transport.write(
            b"%scontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (STATUS_LINE[refusal.status], len(told), told)
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _look(self) -> None:
        """Refuse a head that takes too long, and look again where there may yet be one."""
        if self._refused:
            return
        late = self.loop.time() - self._since_s >= HEAD_S
        if late and self._in_head and self._head_bytes:
            self._refuse(BadHead(408, f"The request's head took longer than {HEAD_S:g} s.", "head_too_slow"))
        elif late and self._in_head and self.cycle is None:
            self.transport.close()
        elif late and self._awaits_body():
            self._refuse(BadHead(408, f"The body stopped arriving for {HEAD_S:g} s.", "body_too_slow"))
        else:
            self._looking = self.loop.call_later(HEAD_S, self._look)

    def _awaits_body(self) -> bool:
        """Whether the client owes the rest of a body that nobody has answered yet and that we have not held up."""
        cycle = self.cycle
        owed = not self._in_head and cycle is not None and cycle.more_body
        return owed and not cycle.response_started and not self.flow.read_paused


def _too_large() -> BadHead:
    told = f"The headers are more than {MAX_HEADERS}, or larger than {MAX_BYTES // 1024} KiB."
    return BadHead(431, told, "headers_too_large")
