"""`/v1/contexts`: texts that questions come back to, with the notes made on them, of the caller's tenant."""

from __future__ import annotations

import time
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from outlay.gateway import body
from outlay.gateway.errors import BadField, NotFound, param_of
from outlay.gateway.keys import BUY, READ
from outlay.gateway.state import State, state_of
from outlay.sleep._account import account
from outlay.sleep._choose import record_of
from outlay.store.contexts import MOST_CHARS, Context, context_id, named_well
from outlay.store.sleeping import Sleeping


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """A context: its text, what to call it, how many questions are expected on it, and the level of its answers."""

    text: Annotated[str, Meta(max_length=MOST_CHARS)]
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    questions: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    level: Annotated[int, Meta(ge=0, le=4)] | None = None


async def add(request: Request) -> Response:
    """Keeps a context; another text of its name is replaced, and its stale notes deleted.

    Raises:
        BadField: it is not in order.
        UsageError: the text is empty, too long or no text.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    given = body.decoded(await body.read(request))
    try:
        asked = msgspec.convert(given, Given)
    except msgspec.ValidationError as error:
        raise BadField(param_of(error), f"The context is not in order: {error}.") from None
    id = context_id(asked.text)
    name = id if asked.name is None else named_well(asked.name)
    at_us = time.time_ns() // 1000
    kept = Context(id, caller.tenant, name, asked.text, "added", asked.questions, asked.level, at_us)
    await _store(state).add_context(kept)
    return await _told(state, kept)


async def show_all(request: Request) -> Response:
    """The tenant's contexts, with what their notes cost and saved."""
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    found = await _store(state).contexts(caller.tenant)
    told = [account(await record_of(_store(state), context)) for context in found]
    return _json({"object": "list", "data": told})


async def show(request: Request) -> Response:
    """One context of the tenant.

    Raises:
        NotFound: the tenant has none of this id or name.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    return await _told(state, await _found(state, request, caller.tenant))


async def delete(request: Request) -> Response:
    """Forgets a context with its notes; what they cost stays in the ledger.

    Raises:
        NotFound: the tenant has none of this id or name.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    found = await _found(state, request, caller.tenant)
    await _store(state).delete_context(found.id, tenant=caller.tenant)
    return _json({"id": found.id, "object": "outlay.context.deleted", "deleted": True})


async def _found(state: State, request: Request, tenant: str) -> Context:
    name = request.path_params["id"]
    found = await _store(state).context(name, tenant=tenant)
    if found is None:
        raise NotFound(f"There is no context {name[:128]!r} here.", code="context_not_found")
    return found


async def _told(state: State, context: Context) -> Response:
    return _json(account(await record_of(_store(state), context)))


def _store(state: State) -> Sleeping:
    return cast(Sleeping, state.accounts)


def _json(told: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")
