"""`GET /v1/models`: the models that are passed through, and the ways to buy an answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outlay.gateway.errors import NotFound
from outlay.gateway.keys import READ
from outlay.gateway.sellers import SPACE
from outlay.gateway.state import state_of
from outlay.gateway.wanted import allowed, names


async def models(request: Request) -> Response:
    """Every name that a request of this caller may carry as its model."""
    data = [_entry(name) for name in await _allowed(request)]
    return Response(msgspec.json.encode({"object": "list", "data": data}), media_type="application/json")


async def model(request: Request) -> Response:
    """One of them.

    Raises:
        NotFound: it is not offered to this caller.
    """
    name = unquote(request.path_params["name"])
    if name not in await _allowed(request):
        raise NotFound(f"There is no model {name!r} here.", code="model_not_found", param="model")
    return Response(msgspec.json.encode(_entry(name)), media_type="application/json")


async def _allowed(request: Request) -> list[str]:
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    models, strategies = caller.scope.models, caller.scope.strategies
    own = {name for name in names(state.config) if name not in state.sellers.models}
    return [
        name
        for name in state.sellers.names
        if (allowed(state.config, caller, name) if name in own else _may(name, models, strategies))
    ]


def _may(name: str, models: Any, strategies: Any) -> bool:
    if name.startswith(SPACE):
        return strategies is None or name == f"{SPACE}auto" or name.removeprefix(SPACE) in strategies
    return models is None or name in models


def _entry(name: str) -> dict[str, Any]:
    # Nobody states when these models were made, and the field is required.
    return {"id": name, "object": "model", "created": 0, "owned_by": "outlay"}
