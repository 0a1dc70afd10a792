"""Whether the server lives, whether it should get requests, and what it has counted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outlay.errors import StoreError
from outlay.gateway.keys import OPERATE
from outlay.gateway.state import state_of


async def health(request: Request) -> Response:
    """200 while the process answers; asks nothing of anybody."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """200 while requests can be bought for: the ledger takes writes, and the server is not about to end.

    It says how many models failed so often that they are left alone for a while; their names are in `/metrics`.
    """
    state = state_of(request)
    try:
        await state.outlay.store.flush()
    except StoreError:
        return JSONResponse({"status": "the ledger cannot be written"}, status_code=503)
    if state.draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    failing = sum(breaker.state != "closed" for _, breaker in state.outlay.breakers)
    return JSONResponse({"status": "ready", "models_failing": failing})


async def metrics(request: Request) -> Response:
    """What was counted, for Prometheus; with keys, for those who operate the server.

    Raises:
        KeyRefused, NotAllowed: not for this caller.
    """
    state = state_of(request)
    (await state.caller(request)).may(OPERATE)
    state.metrics.upstream(state.outlay.limiters)
    state.metrics.fared(state.outlay.breakers)
    return Response(state.metrics.exposition(), media_type=state.metrics.content_type)
