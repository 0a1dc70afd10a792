"""Every reply to a key with quotas says how much of them is left, so that clients can pace themselves."""

from __future__ import annotations

import contextlib
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outlay.errors import StoreError
from outlay.gateway.auth import Caller
from outlay.gateway.quota import standing

CALLER = "outlay.caller"
"""Where a request's scope holds who was found to call."""


class Paced:
    """Around the application: adds `x-ratelimit-…` headers, as they stand when the reply begins.

    They are a courtesy: where the ledger cannot be read, the reply goes out without them.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            caller = scope.get(CALLER)
            if message["type"] == "http.response.start" and isinstance(caller, Caller) and _paced(caller):
                accounts = scope["app"].state.gateway.accounts
                with contextlib.suppress(StoreError):
                    left = await standing(accounts, caller, time.time_ns() // 1000)
                    message["headers"] = [*message["headers"], *_raw(left)]
            await send(message)

        await self._app(scope, receive, told)


def _paced(caller: Caller) -> bool:
    return caller.quota.requests_per_minute is not None or caller.quota.tokens_per_minute is not None


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
