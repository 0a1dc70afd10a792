"""`/v1/demonstrations`: what a cascade keeps of the caller's tenant to learn from, to read and to forget."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outlay.gateway.errors import BadField, NotFound
from outlay.gateway.keys import BUY, READ
from outlay.gateway.state import State, state_of
from outlay.store.memory import Memory

MOST = 1000
"""The most that are told at once."""


async def show_all(request: Request) -> Response:
    """The tenant's newest demonstrations, 100 or as many as `limit` says.

    Raises:
        BadField: the limit is no number from 1 to 1,000.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    given = request.query_params.get("limit", "100")
    if not (given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= MOST):
        raise BadField("limit", f"The limit is a number from 1 to {MOST:,}.")
    found = await _store(state).demonstrations(caller.tenant, limit=int(given))
    told = [{"object": "outlay.demonstration", **kept, "verified": bool(kept["verified"])} for kept in found]
    return _json({"object": "list", "data": told})


async def delete(request: Request) -> Response:
    """Forgets the demonstrations of one question or episode; their answers stay in the ledger.

    Raises:
        NotFound: the tenant has none of this source.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    source = request.path_params["source"]
    gone = await _store(state).forget_demonstrations(caller.tenant, source=source)
    if not gone:
        raise NotFound(f"There is no demonstration of {source[:128]!r} here.", code="demonstration_not_found")
    return _forgotten(gone)


async def delete_all(request: Request) -> Response:
    """Forgets all demonstrations of the tenant; their answers stay in the ledger."""
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    return _forgotten(await _store(state).forget_demonstrations(caller.tenant))


def _forgotten(gone: int) -> Response:
    return _json({"object": "outlay.demonstration.deleted", "deleted": gone})


def _store(state: State) -> Memory:
    return cast(Memory, state.accounts)


def _json(told: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")
