"""The HTTP side of `openai_chat`: one session, and every network failure turned into one sentence."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from outlay.errors import BadReply, ProviderError, TimedOut, Unreachable, UsageError
from outlay.models.errors_http import Problem, Redactor, http_error, problem
from outlay.models.http_connection import Closed, NotHttp, Response, Silent
from outlay.models.http_pool import NoConnection, Pool
from outlay.models.openai_reply import broke_off

MAX_ERROR_BYTES = 65_536
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
# Bytes after the last event free the connection for the next request; beyond this it is cheaper to open a new
# one.
DRAIN_S = 0.25


class Http:
    """Requests to one server: keep-alive, no limit on total time, a limit on silence, no redirects.

    A request that finds its kept-alive connection closed before the first byte is sent again, once, at once, on
    a new one (see `Pool`). On a new connection the same failure is an error, because the server may have begun.

    Args:
        base_url: up to and including `/v1`.
        headers: sent with every request.
        redact: takes secrets out of what the server says.
        connect_s: the most that a connection may take.
        silence_s: the most that a server may send nothing.
        concurrency: the most connections.

    Raises:
        UsageError: not a base URL, or one that holds a password; a header with a line break in it.
    """

    def __init__(
        self,
        base_url: str,
        headers: dict[str, str],
        redact: Redactor,
        *,
        connect_s: float,
        silence_s: float,
        concurrency: int,
    ):
        self.base_url = base_url.rstrip("/")
        parts = urlsplit(self.base_url)
        if parts.username is not None or parts.query:
            raise UsageError("A base URL must not hold a password or a query; pass the key as api_key.")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"{redact(base_url)!r} is not a base URL; write it like https://api.openai.com/v1."
            )
        self.host = parts.netloc
        self.root = self.base_url.removesuffix("/v1")
        self.redact = redact
        self._connect_s, self._silence_s = connect_s, silence_s
        self._pool = Pool(
            parts,
            _proxy_for(parts.scheme, parts.hostname),
            connect_s=connect_s,
            silence_s=silence_s,
            limit=concurrency,
        )
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._fixed = _fixed_headers(parts, headers, self._pool)
        self._heads: dict[str, bytes] = {}

    async def open(self, method: str, url: str, body: Any = None) -> Response:
        """The open reply, whatever its status; the caller closes it.

        Raises:
            Unreachable, TimedOut, BadReply: no reply came.
        """
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            return await self._pool.ask(
                b"%sContent-Length: %d\r\n\r\n" % (self._head(method, url), len(data)), data
            )
        except (NoConnection, Silent, Closed, NotHttp) as error:
            raise self._failure(error) from None

    async def block(self, response: Response) -> bytes:
        """The next bytes of a reply; empty at its end.

        Raises:
            TimedOut, BadReply: the server fell silent, or the reply broke off.
        """
        try:
            return await response.read()
        except Silent:
            raise self._silent() from None
        except (Closed, NotHttp):
            raise broke_off(self.host) from None

    async def document(self, response: Response, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
        """The whole body of a reply, cut at `limit` bytes."""
        kept = bytearray()
        while len(kept) <= limit and (block := await self.block(response)):
            kept += block
        return bytes(kept[:limit])

    async def refused(self, response: Response) -> tuple[ProviderError, Problem]:
        """The error that a reply with a bad status is, and what it says; reads and closes the reply."""
        try:
            said = problem(await self.document(response, MAX_ERROR_BYTES))
        except ProviderError:
            # The status has said what matters.
            said = Problem()
        finally:
            response.close()
        return http_error(self.host, response.status, response.headers, said, self.redact), said

    async def drain(self, response: Response) -> None:
        """Read the few bytes after the last event, so that the connection can be used again."""
        if response.ended:
            return
        try:
            async with asyncio.timeout(DRAIN_S):
                while await response.read():
                    pass
        except (TimeoutError, Silent, Closed, NotHttp):
            response.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def _head(self, method: str, url: str) -> bytes:
        """The request line and the headers that are the same every time."""
        key = f"{method} {url}"
        if key not in self._heads:
            target = url if self._pool.forwards else url.removeprefix(self._origin)
            self._heads[key] = f"{method} {quote(target, safe=_SAFE)} HTTP/1.1\r\n{self._fixed}".encode(
                "latin-1"
            )
        return self._heads[key]

    def _silent(self) -> TimedOut:
        text = f"{self.host} sent nothing for {self._silence_s:g} s; try again, or raise silence_s."
        return TimedOut(text, retryable=True, billed=True)

    def _failure(self, error: Exception) -> ProviderError:
        host = self.host
        match error:
            case NoConnection(why="timeout"):
                text = (
                    f"{host} did not accept a connection within {self._connect_s:g} s; is the server running?"
                )
                return Unreachable(text, retryable=True, fatal=True)
            case NoConnection(why="certificate"):
                return Unreachable(f"{host} has no valid certificate; check the base URL.", fatal=True)
            case NoConnection(why="name"):
                return Unreachable(f"There is no server named {host}; check the base URL.", fatal=True)
            case NoConnection(why="proxy"):
                return Unreachable(
                    f"The proxy does not connect to {host}; check the proxy's settings.", fatal=True
                )
            case NoConnection():
                text = f"{host} refuses connections; is the server running, and is the port right?"
                return Unreachable(text, fatal=True)
            case Silent():
                return self._silent()
            case Closed():
                text = f"{host} closed the connection without a reply; it may have been billed."
                return Unreachable(text, retryable=True, billed=True)
            case _:
                return BadReply(f"{host} does not speak HTTP as it should; check the base URL.", billed=True)


_DIRECT = ("localhost", "127.0.0.1", "::1")
_SAFE = "/:?&=%@[]!$'()*+,;~"


def _fixed_headers(server: SplitResult, given: dict[str, str], pool: Pool) -> str:
    """The headers of every request as lines; the given ones win."""
    # Proxies hold compressed streams back, and a compressed reply has no bound on what it unpacks to.
    own = {
        "Host": server.netloc,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "outlay",
        "Content-Type": "application/json",
    }
    if pool.forwards and pool.proxy_authorization:
        own["Proxy-Authorization"] = pool.proxy_authorization
    named = {name.lower() for name in given}
    sent = {**{name: value for name, value in own.items() if name.lower() not in named}, **given}
    for name, value in sent.items():
        # A line break would end the header and begin another.
        if not (name.isascii() and name.isprintable()) or not value.isprintable():
            raise UsageError(
                f"The header {name!r} holds a line break or another character that cannot be sent."
            )
    return "".join(f"{name}: {value}\r\n" for name, value in sent.items())


def _proxy_for(scheme: str, hostname: str) -> str | None:
    """The proxy that the environment names for a server, looked up once."""
    if hostname in _DIRECT or urllib.request.proxy_bypass(hostname):
        return None
    return urllib.request.getproxies().get(scheme)
