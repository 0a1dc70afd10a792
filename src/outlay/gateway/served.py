"""An endpoint as an ASGI application of its own.

Starlette wraps a function in two more layers that every message of a reply goes through; the application's own layer
turns failures into replies already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Served:
    """Serves the reply that `make` makes of a request."""

    def __init__(self, make: Callable[[Request], Awaitable[ASGIApp]]):
        self._make, self.__doc__, self.__name__ = make, make.__doc__, make.__name__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        reply = await self._make(Request(scope, receive, send))
        await reply(scope, receive, send)
