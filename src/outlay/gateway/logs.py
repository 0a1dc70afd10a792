"""A line of JSON for each request, with the id that its reply carries. Never a prompt, never a key."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outlay.gateway.metrics import Metrics
from outlay.trace import in_micros

_GIVEN = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
_PROCESS, _NUMBERS = os.urandom(8).hex().encode(), itertools.count()
CLIENT_LEFT = 499
"""The status of a request whose client left before its reply; only the log and the metrics see it."""
BEGUN = "outlay.begun"
"""Stands in a request's scope once its reply has begun."""
Write = Callable[[bytes], Any]


_waiting: list[bytes] = []
"""Lines of this step of the event loop: each write is a system call, and wakes whoever reads the log."""


def to_stderr(line: bytes) -> None:
    """Write one line to standard error, with the others of this step of the event loop."""
    if not _waiting:
        asyncio.get_running_loop().call_soon(_write)
    _waiting.append(line)


def _write() -> None:
    lines = b"".join(_waiting)
    _waiting.clear()
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


def said(write: Write, sentence: str) -> None:
    """Write a line that belongs to no request."""
    write(msgspec.json.encode({"said": sentence}) + b"\n")


def note(request: Request, **fields: Any) -> None:
    """Add fields to a request's line."""
    request.scope["outlay.log"].update(fields)


class Logged:
    """Around the application: gives each request its id, counts it, and writes its line once it has ended.

    A client's own `x-request-id` is kept if it is a plain word of at most 128 characters.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, write: Write = to_stderr):
        self._app, self._metrics, self._write = app, metrics, write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["outlay.log"] = fields = {}
        status, start = 0, time.perf_counter()

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                scope[BEGUN], status = True, message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, told)
            status = status or CLIENT_LEFT
        except Exception:
            status = status or 500
            raise
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.in_flight -= 1
            self._metrics.answered(route, status, seconds)
            line = {
                "at": round(time.time(), 3),
                "request_id": request_id.decode(),
                "method": scope["method"],
                "route": route,
                "status": status,
                "seconds": in_micros(seconds),
                **fields,
            }
            self._write(msgspec.json.encode(line) + b"\n")


def _request_id(scope: Scope) -> bytes:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given if _GIVEN.fullmatch(given) else b"req_%s%08x" % (_PROCESS, next(_NUMBERS))
