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


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, as long as the client is there.

    Whatever ends this early, the client or the server, cancels the work and waits for its settlement.

    Raises:
        ClientDisconnect: the client left first.
    """
    here = asyncio.current_task()
    assert here is not None
    before, left = here.cancelling(), False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        here.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        # Cancelled for the client alone, and not also by the server.
        if left and here.cancelling() == before + 1:
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()
        if left:
            here.uncancel()


class EventStream:
    """A streamed reply: what `work` hands to its `emit` goes out as it comes, its failure as an error event.

    The status is sent with the first event, so a failure before it keeps a status of its own. After 10 s without an
    event a comment is sent, and with it the status 200.

    Args:
        work: does the buying; given `emit`, which takes finished events; empty ones are nothing.
        on_left: told that the client left before the end; everything is settled then, and nobody is there to answer.
        heartbeat_s: seconds of silence after which a comment is sent.
    """

    def __init__(
        self,
        work: Callable[[Callable[[bytes], None]], Awaitable[None]],
        *,
        on_left: Callable[[], None] = lambda: None,
        heartbeat_s: float = HEARTBEAT_S,
    ):
        self._work, self._on_left, self._heartbeat_s = work, on_left, heartbeat_s
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it as an ASGI application."""
        try:
            await while_connected(receive, self._serve(send))
        except ClientDisconnect:
            self._on_left()

    async def _serve(self, send: Send) -> None:
        events: asyncio.Queue[bytes] = asyncio.Queue()

        def emit(event: bytes) -> None:
            # An empty one is the end: what was put before it goes out first.
            if event:
                events.put_nowait(event)

        working = asyncio.ensure_future(self._work(emit))
        working.add_done_callback(lambda _: events.put_nowait(b""))
        try:
            block, ended = await self._next(events)
            while not ended:
                await self._send(send, block)
                block, ended = await self._next(events)
            await self._end(send, block, working)
        finally:
            working.cancel()
            await asyncio.wait((working,))

    async def _next(self, events: asyncio.Queue[bytes]) -> tuple[bytes, bool]:
        """Everything that waits to be sent, or a heartbeat where nothing came; and whether it is the end."""
        try:
            async with asyncio.timeout(self._heartbeat_s):
                parts = [await events.get()]
        except TimeoutError:
            return ALIVE, False
        # What comes in the same step of the loop goes out in the same write: each one is a call of the system.
        await asyncio.sleep(0)
        while parts[-1] and not events.empty():
            parts.append(events.get_nowait())
        return b"".join(parts), not parts[-1]

    async def _end(self, send: Send, block: bytes, working: asyncio.Future[None]) -> None:
        try:
            working.result()
        except OutlayError as error:
            if not self._begun and not block:
                await _whole(send, status_of(error), body_of(error), headers_of(error))
            else:
                await self._send(send, block + b"data: " + body_of(error) + b"\n\n", last=True)
        else:
            await self._send(send, block + DONE, last=True)

    async def _send(self, send: Send, block: bytes, *, last: bool = False) -> None:
        if not self._begun:
            self._begun = True
            await send({"type": "http.response.start", "status": 200, "headers": _raw(_HEADERS)})
        await send({"type": "http.response.body", "body": block, "more_body": not last})


async def _whole(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send({"type": "http.response.start", "status": status, "headers": _raw(told)})
    await send({"type": "http.response.body", "body": body})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
