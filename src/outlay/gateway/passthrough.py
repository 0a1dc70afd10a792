"""`POST /v1/completions` and `POST /v1/embeddings`: the model's own reply, bounded and metered."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from outlay.gateway import body
from outlay.gateway.auth import Caller
from outlay.gateway.chat_request import REFUSED
from outlay.gateway.errors import BadField, param_of
from outlay.gateway.keys import BUY
from outlay.gateway.live import while_connected
from outlay.gateway.logs import note
from outlay.gateway.options import ON_PASS_THROUGH, options_of, refuse_beyond
from outlay.gateway.state import state_of
from outlay.money import usd
from outlay.relay import Relayed, encoded_bytes

DEFAULT_TOKENS = 16
"""The output bound of a plain completion that states none: OpenAI's own default, stated to every server."""
_OWN = frozenset({"model", "outlay"})


class _Fields(Struct, frozen=True):
    model: str
    prompt: str | list[Any] = ""
    n: Annotated[int, Meta(ge=1, le=128)] = 1
    max_tokens: Annotated[int, Meta(ge=0, le=2**53)] = DEFAULT_TOKENS
    stream: bool = False


async def completions(request: Request) -> Response:
    """Plain completions of a text, as the model's server answers them; not streamed.

    Raises:
        OutlayError: the request is refused, or the server fails.
    """
    return await _passed(request, "completions")


async def embeddings(request: Request) -> Response:
    """Embeddings, as the model's server answers them.

    Raises:
        OutlayError: the request is refused, or the server fails.
    """
    return await _passed(request, "embeddings")


async def _passed(request: Request, path: str) -> Response:
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    given = {k: v for k, v in body.decoded(await body.read(request)).items() if v is not None}
    options = options_of(given.get("outlay"), request.headers)
    refuse_beyond(options, ON_PASS_THROUGH, f"{path} are passed through as they are")
    try:
        fields = msgspec.convert(given, _Fields)
    except msgspec.ValidationError as error:
        raise BadField(param_of(error), f"The request is not in order: {error}.") from None
    seller = await state.sellers.of(fields.model)
    caller.may_ask(model=fields.model)
    buying = seller.relay(
        _relayed(path, given, fields, caller),
        question_id=state.outlay.store.new_id("relay"),
        limits=options.limits(time.monotonic()),
        account=caller.account(),
    )
    said, spent = await while_connected(request.receive, buying)
    note(request, model=fields.model, strategy=path, cost_nusd=spent.cost_nusd, tags=options.tags)
    account = {"cost_usd": usd(spent.cost_nusd), "paid_usd": usd(spent.paid_nusd), "calls": spent.calls}
    told = msgspec.json.encode({**said, "model": fields.model, "outlay": account})
    return Response(told, media_type="application/json")


def _relayed(path: str, given: dict[str, Any], fields: _Fields, caller: Caller) -> Relayed:
    for name in given.keys() & REFUSED.keys():
        raise BadField(name, f"{name} cannot be honoured: {REFUSED[name]}.", code="unsupported_parameter")
    sent = {name: value for name, value in given.items() if name not in _OWN}
    if path == "embeddings":
        return Relayed(path, sent, encoded_bytes(sent), 0, 1)
    if fields.stream:
        told = "Plain completions are not streamed here; use chat completions, or leave stream out."
        raise BadField("stream", told, code="unsupported_parameter")
    several = isinstance(fields.prompt, list) and not all(isinstance(p, int) for p in fields.prompt)
    n = fields.n * (len(fields.prompt) if several else 1)
    caller.may_fan_out(n)
    most = caller.output_cap(fields.max_tokens) or 0
    return Relayed(path, {**sent, "max_tokens": most}, encoded_bytes(sent), most, n)
