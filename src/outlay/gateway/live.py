"""Work for a client that may leave: its reply, whole or as server-sent events, ends the moment nobody reads it.

Plain asyncio on purpose. Starlette's own streaming cancels through anyio, which cancels again at every await: what
was bought could then not be counted while it is being settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from outlay.errors import OutlayError
from outlay.gateway.clients import CLIENT, Client
from outlay.gateway.errors import body_of, headers_of, status_of

T = TypeVar("T")
HEARTBEAT_S = 10.0
"""A stream that has nothing to say for this long says so, before some proxy takes it for dead."""
ALIVE = b": alive\n\n"
DONE = b"data: [DONE]\n\n"
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


async def while_connected(scope: Scope, receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, as long as the client is there.

    Whatever ends this early, the client or the server, cancels the work and waits for its settlement.

    Args:
        scope: of the request.
        receive: of the request, which has been read to its end.
        work: what is done for the client.

    Raises:
        ClientDisconnect: the client left first.
    """
    here = asyncio.current_task()
    assert here is not None
    before, left = here.cancelling(), False

    def leave() -> None:
        nonlocal left
        left = True
        here.cancel()

    client: Client | None = scope.get(CLIENT)
    if client is not None and client.gone:
        work.close()
        raise ClientDisconnect
    end = _listening(receive, leave) if client is None else _watching(client, leave)
    try:
        return await work
    except asyncio.CancelledError:
        # Cancelled for the client alone, and not also by the server.
        if left and here.cancelling() == before + 1:
            raise ClientDisconnect from None
        raise
    finally:
        end()
        if left:
            here.uncancel()


def _watching(client: Client, leave: Callable[[], None]) -> Callable[[], object]:
    client.watch(leave)
    return client.unwatch


def _listening(receive: Receive, leave: Callable[[], None]) -> Callable[[], object]:
    """The same under a server that is not ours, which tells of a client's end only to whoever listens for it."""

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        leave()

    return asyncio.create_task(listen()).cancel


class Whole:
    """A reply of JSON in one piece, as an ASGI application."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, body: bytes, headers: Mapping[str, str], status: int = 200):
        self._body, self._headers, self._status = body, headers, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it as an ASGI application."""
        await self.send(send)

    async def send(self, send: Send) -> None:
        """Send it."""
        told = {"content-type": "application/json", "content-length": str(len(self._body)), **self._headers}
        await send({"type": "http.response.start", "status": self._status, "headers": _raw(told)})
        await send({"type": "http.response.body", "body": self._body})


class EventStream:
    """A streamed reply: what `work` hands to its `emit` goes out as it comes, its failure as an error event.

    The status is sent with the first event, so a failure before it keeps a status of its own. After 10 s without an
    event a comment is sent, and with it the status 200.

    Args:
        work: does the buying; given `emit`, which takes finished events; empty ones are nothing.
        on_left: told that the client left before the end; everything is settled then, and nobody is there to answer.
        word: says a failure in JSON.
        heartbeat_s: seconds of silence after which a comment is sent.
    """

    def __init__(
        self,
        work: Callable[[Callable[[bytes], None]], Awaitable[None]],
        *,
        on_left: Callable[[], None] = lambda: None,
        word: Callable[[OutlayError], bytes] = body_of,
        heartbeat_s: float = HEARTBEAT_S,
    ):
        self._work, self._on_left, self._word, self._heartbeat_s = work, on_left, word, heartbeat_s
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it as an ASGI application."""
        try:
            await while_connected(scope, receive, self._serve(send))
        except ClientDisconnect:
            self._on_left()

    async def _serve(self, send: Send) -> None:
        outbox = _Outbox(self._heartbeat_s)
        working = asyncio.ensure_future(self._work(outbox.put))
        working.add_done_callback(lambda _: outbox.end())
        try:
            block = await outbox.take()
            while not working.done():
                await self._send(send, block)
                block = await outbox.take()
            await self._end(send, block, working)
        finally:
            outbox.close()
            working.cancel()
            await asyncio.wait((working,))

    async def _end(self, send: Send, block: bytes, working: asyncio.Future[None]) -> None:
        try:
            working.result()
        except OutlayError as error:
            if not self._begun and not block:
                await Whole(self._word(error), headers_of(error), status_of(error)).send(send)
            else:
                await self._send(send, block + b"data: " + self._word(error) + b"\n\n", last=True)
        else:
            await self._send(send, block + DONE, last=True)

    async def _send(self, send: Send, block: bytes, *, last: bool = False) -> None:
        if not self._begun:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": _raw(_HEADERS)})
        await send({"type": "http.response.body", "body": block, "more_body": not last})


class _Outbox:
    """Events that wait to be sent. What comes in one step of the loop goes out in one write: each is a system call."""

    def __init__(self, heartbeat_s: float):
        self._loop, self._heartbeat_s = asyncio.get_running_loop(), heartbeat_s
        self._parts: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._last_s = self._loop.time()
        # One timer a stream, which looks when the last event was: one an event would cost more than the event.
        self._timer = self._loop.call_later(heartbeat_s, self._beat)

    def put(self, event: bytes) -> None:
        """Have an event sent; an empty one is nothing."""
        if event:
            self._parts.append(event)
            self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._wake()

    async def take(self) -> bytes:
        """Everything that waits, once something does; what is left, perhaps nothing, at the end."""
        if not self._parts and not self._ended:
            self._waiter = self._loop.create_future()
            await self._waiter
        block = b"".join(self._parts)
        self._parts.clear()
        self._last_s = self._loop.time()
        return block

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _beat(self) -> None:
        if self._loop.time() >= self._last_s + self._heartbeat_s:
            self._last_s = self._loop.time()
            self.put(ALIVE)
        self._timer = self._loop.call_at(self._last_s + self._heartbeat_s, self._beat)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
