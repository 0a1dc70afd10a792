"""Requests with an `Idempotency-Key`: the first makes the reply, every other gets it as it was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outlay.gateway.auth import Caller
from outlay.gateway.idempotency import Attempt, Idempotency, digest_of
from outlay.gateway.live import DONE, while_connected
from outlay.gateway.logs import note
from outlay.gateway.options import sent_options
from outlay.gateway.sent_headers import sent_headers
from outlay.store.replies import Reply

HEADER = "idempotency-key"
REPLAYED = {"idempotent-replayed": "true"}


async def once(
    idempotency: Idempotency,
    request: Request,
    caller: Caller,
    body: bytes,
    make: Callable[[str | None], Awaitable[ASGIApp]],
) -> ASGIApp:
    """The reply that `make` makes, or the recorded one of the same key and body.

    Only a whole, successful reply is recorded, before its last byte is sent. After a failure, a disconnect or a kill
    the next attempt with the same body goes on under the same scope.

    Args:
        idempotency: the server's.
        request: carries the key in its headers, or none.
        caller: whose tenant the key belongs to.
        body: the request's body as it came.
        make: makes the reply; is given the scope to buy under: the question's id and the call cache's scope, None
            without a key.

    Raises:
        KeyReused: the key came with another body or other options.
        UsageError: the key is not 1 to 255 printable ASCII characters.
        ClientDisconnect: the client left while it waited for another's reply.
    """
    key = sent_headers(request).get(HEADER)
    if key is None:
        return await make(None)
    digest = digest_of(request.url.path, body, sent_options(sent_headers(request)))
    beginning = idempotency.begin(caller.tenant, key, digest)
    begun = await while_connected(request.scope, request.receive, beginning)
    if isinstance(begun, Reply):
        note(request, replayed=True)
        return Response(begun.body, begun.status, REPLAYED, begun.media_type)
    try:
        return _Recorded(await make(begun.scope), idempotency, begun)
    except BaseException:
        idempotency.release(begun)
        raise


class _Recorded:
    """A reply that is recorded as it goes out."""

    def __init__(self, reply: ASGIApp, idempotency: Idempotency, attempt: Attempt):
        self._reply, self._idempotency, self._attempt = reply, idempotency, attempt
        self._status, self._media_type, self._parts = 0, "", []
        self._finished = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it as an ASGI application."""

        async def recording(message: Message) -> None:
            await self._record(message)
            await send(message)

        try:
            await self._reply(scope, receive, recording)
        finally:
            if not self._finished:
                self._idempotency.release(self._attempt)

    async def _record(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            named = {name.lower(): value for name, value in message.get("headers", ())}
            self._media_type = named.get(b"content-type", b"").decode("latin-1")
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body", False) or not 200 <= self._status < 300:
            return
        body = b"".join(self._parts)
        # A stream that broke off says so in its last event, under the status it began with.
        if not self._media_type.startswith("text/event-stream") or body.endswith(DONE):
            self._finished = True
            await self._idempotency.finish(self._attempt, Reply(self._status, self._media_type, body))
