"""What the server holds while it runs: what it sells, who it knows, what it counts."""

from __future__ import annotations

import time

from msgspec import Struct
from starlette.requests import Request

from outlay.config import Config
from outlay.engine import Outlay
from outlay.gateway.asleep import Asleep
from outlay.gateway.auth import Caller, authenticate
from outlay.gateway.idempotency import Idempotency
from outlay.gateway.insides import Insides
from outlay.gateway.logs import note
from outlay.gateway.metrics import Metrics
from outlay.gateway.own_machine import refuse_pages
from outlay.gateway.paced import CALLER
from outlay.gateway.seen import Seen
from outlay.gateway.sellers import Sellers
from outlay.gateway.sent_headers import sent_headers
from outlay.store.accounts import Accounts

LOOPBACK = frozenset({"127.0.0.1", "::1"})
KEYS_ASKED_EVERY_S = 1.0


class State(Struct):
    """The live objects of one server; `draining` is set once it is about to end."""

    config: Config
    outlay: Outlay
    accounts: Accounts
    idempotency: Idempotency
    sellers: Sellers
    metrics: Metrics
    seen: Seen
    asleep: Asleep
    insides: Insides
    keys_exist: bool = False
    keys_asked_s: float = float("-inf")
    draining: bool = False

    async def caller(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            KeyRefused: no key where one is needed, or not a good one.
            NotAllowed: none is needed, and a web page of another machine asks.
        """
        await self._ask_for_keys()
        client, headers = request.client, sent_headers(request)
        loopback = client is not None and client.host in LOOPBACK
        authorization = headers.get("authorization")
        if not self.keys_exist:
            refuse_pages(headers)
        found = await authenticate(self.accounts, authorization, loopback=loopback, keys_exist=self.keys_exist)
        request.scope[CALLER] = caller = found.within(self.config.guard)
        if caller.key_id is not None:
            note(request, tenant=caller.tenant, key_id=caller.key_id)
        return caller

    async def _ask_for_keys(self) -> None:
        """Whether a key was ever made, asked again after a second; a key that was made is never unmade."""
        now_s = time.monotonic()
        if not self.keys_exist and now_s - self.keys_asked_s >= KEYS_ASKED_EVERY_S:
            self.keys_asked_s = now_s
            self.keys_exist = await self.accounts.any_key()


def state_of(request: Request) -> State:
    """The state of the server that a request came to."""
    return request.app.state.gateway
