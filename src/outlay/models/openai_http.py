"""The HTTP side of `openai_chat`: one session, and every network failure turned into one sentence."""

from __future__ import annotations

import asyncio
import urllib.request
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from outlay.errors import BadReply, ProviderError, TimedOut, Unreachable, UsageError
from outlay.models.errors_http import Problem, Redactor, http_error, problem
from outlay.models.openai_reply import broke_off

MAX_ERROR_BYTES = 65_536
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
# Bytes after the last event free the connection for the next request; beyond this it is cheaper to open a new
# one.
DRAIN_S = 0.25
_NETWORK = (aiohttp.ClientError, TimeoutError, OSError)


class Http:
    """Requests to one server: keep-alive, no limit on total time, a limit on silence, no redirects.

    A request that finds its kept-alive connection closed before the first byte is sent again, once, at once, on
    a connection of its own: the server had closed the connection and never saw it (llama.cpp does so after two
    of five streams). On a fresh connection the same failure is an error, because the server may have begun.

    Args:
        base_url: up to and including `/v1`.
        headers: sent with every request.
        redact: takes secrets out of what the server says.
        connect_s: the most that a connection may take.
        silence_s: the most that a server may send nothing.
        concurrency: the most connections.

    Raises:
        UsageError: not a base URL, or one that holds a password.
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
        # Proxies hold compressed streams back, and a compressed reply has no bound on what it unpacks to.
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"} | headers
        self._proxy = _proxy_for(parts.scheme, parts.hostname)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=silence_s)
        self._connect_s, self._silence_s, self._concurrency = connect_s, silence_s, concurrency
        self._session: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def open(self, method: str, url: str, body: Any = None) -> aiohttp.ClientResponse:
        """The open reply, whatever its status; the caller closes it.

        Raises:
            Unreachable, TimedOut, BadReply: no reply came.
        """
        data = None if body is None else msgspec.json.encode(body)
        trace = SimpleNamespace(reused=False)
        if self._session is None:
            self._session = self._new_session(keep_alive=True)
        try:
            return await self._ask(self._session, method, url, data, trace)
        except _NETWORK as error:
            if not (trace.reused and _closed_early(error)):
                raise self._failure(error) from None
        if self._fresh is None:
            self._fresh = self._new_session(keep_alive=False)
        try:
            return await self._ask(self._fresh, method, url, data, trace)
        except _NETWORK as error:
            raise self._failure(error) from None

    async def block(self, response: aiohttp.ClientResponse) -> bytes:
        """The next bytes of a reply; empty at its end.

        Raises:
            TimedOut, BadReply: the server fell silent, or the reply broke off.
        """
        try:
            return await response.content.readany()
        except TimeoutError:
            raise self._silent() from None
        except (aiohttp.ClientError, OSError):
            raise broke_off(self.host) from None

    async def document(self, response: aiohttp.ClientResponse, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
        """The whole body of a reply, cut at `limit` bytes."""
        kept = bytearray()
        while len(kept) <= limit and (block := await self.block(response)):
            kept += block
        return bytes(kept[:limit])

    async def refused(self, response: aiohttp.ClientResponse) -> tuple[ProviderError, Problem]:
        """The error that a reply with a bad status is, and what it says; reads and closes the reply."""
        try:
            said = problem(await self.document(response, MAX_ERROR_BYTES))
        except ProviderError:
            # The status has said what matters.
            said = Problem()
        finally:
            response.close()
        return http_error(self.host, response.status, response.headers, said, self.redact), said

    async def drain(self, response: aiohttp.ClientResponse) -> None:
        """Read the few bytes after the last event, so that the connection can be used again."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while await response.content.readany():
                    pass
        except _NETWORK:
            response.close()

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._session, self._fresh):
            if session is not None:
                await session.close()
        self._session = self._fresh = None

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, url: str, data: bytes | None, trace: SimpleNamespace
    ) -> aiohttp.ClientResponse:
        return await session.request(
            method, url, data=data, allow_redirects=False, proxy=self._proxy, trace_request_ctx=trace
        )

    def _silent(self) -> TimedOut:
        text = f"{self.host} sent nothing for {self._silence_s:g} s; try again, or raise silence_s."
        return TimedOut(text, retryable=True, billed=True)

    def _failure(self, error: Exception) -> ProviderError:
        # aiohttp's own texts can hold the request's headers, so only the kind of failure is told.
        host = self.host
        match error:
            case aiohttp.ConnectionTimeoutError():
                text = (
                    f"{host} did not accept a connection within {self._connect_s:g} s; is the server running?"
                )
                return Unreachable(text, retryable=True, fatal=True)
            case TimeoutError():
                return self._silent()
            case aiohttp.ClientSSLError():
                return Unreachable(f"{host} has no valid certificate; check the base URL.", fatal=True)
            case aiohttp.ClientConnectorDNSError():
                return Unreachable(f"There is no server named {host}; check the base URL.", fatal=True)
            case aiohttp.ClientConnectorError():
                text = f"{host} refuses connections; is the server running, and is the port right?"
                return Unreachable(text, fatal=True)
            case aiohttp.ServerDisconnectedError() | OSError():
                text = f"{host} closed the connection without a reply; it may have been billed."
                return Unreachable(text, retryable=True, billed=True)
            case _:
                return BadReply(f"{host} does not speak HTTP as it should; check the base URL.", billed=True)

    def _new_session(self, *, keep_alive: bool) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, force_close=not keep_alive),
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )


def _closed_early(error: Exception) -> bool:
    """Whether an established connection turned out to be closed."""
    return isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


async def _note_reuse(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.reused = True


def _proxy_for(scheme: str, hostname: str) -> str | None:
    # Looked up once: aiohttp's trust_env would read the environment and ~/.netrc again for every request.
    if hostname in ("localhost", "127.0.0.1", "::1") or urllib.request.proxy_bypass(hostname):
        return None
    return urllib.request.getproxies().get(scheme)
