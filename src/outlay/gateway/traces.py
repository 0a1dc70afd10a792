"""`GET /v1/outlay/traces/{id}`: everything that happened for one answer, to the tenant that bought it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outlay.gateway.errors import NotFound
from outlay.gateway.insides import sees_all
from outlay.gateway.keys import READ
from outlay.gateway.state import state_of
from outlay.trace import Trace


async def trace(request: Request) -> Response:
    """The events of an answer's trace, in the order in which they happened, without addresses of this server's own.

    Whoever may operate the server sees those too.

    Raises:
        NotFound: no answer of the caller's tenant has this trace id.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    trace_id = request.path_params["id"]
    found = await state.outlay.store.trace(trace_id, tenant=caller.tenant)
    if found is None:
        raise NotFound(f"There is no trace {trace_id[:128]!r} here.", code="trace_not_found")
    events = Trace.decode(found.encode()).events
    if not sees_all(request):
        events = state.insides.trace(events)
    told = {"id": trace_id, "object": "outlay.trace", "events": events}
    return Response(msgspec.json.encode(told), media_type="application/json")
