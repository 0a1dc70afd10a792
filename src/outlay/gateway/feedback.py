"""`POST /v1/outlay/feedback`: what turned out of an answer, from the one who asked for it."""

from __future__ import annotations

import time
from typing import Annotated, cast

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from outlay.feedback import keep
from outlay.gateway import body
from outlay.gateway.errors import BadField, NotFound, param_of
from outlay.gateway.keys import BUY
from outlay.gateway.state import state_of
from outlay.store.memory import Memory
from outlay.store.protocol import Feedback

WHY_CHARS = 4096


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict on an answer: `score` from 0 (wrong) to 1 (right), and why."""

    trace_id: Annotated[str, Meta(min_length=1, max_length=128)]
    score: Annotated[float, Meta(ge=0, le=1)]
    why: Annotated[str, Meta(max_length=WHY_CHARS)] = ""


async def feedback(request: Request) -> Response:
    """Keeps a verdict on an answer of the caller's tenant.

    Raises:
        BadField: the verdict is not in order.
        NotFound: no answer of the caller's tenant has this trace id.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    given = body.decoded(await body.read(request))
    try:
        verdict = msgspec.convert(given, Given)
    except msgspec.ValidationError as error:
        raise BadField(param_of(error), f"The verdict is not in order: {error}.") from None
    store = state.outlay.store
    kept = Feedback(
        store.new_id("feedback"),
        verdict.trace_id,
        caller.tenant,
        caller.key_id,
        verdict.score,
        verdict.why,
        time.time_ns() // 1000,
    )
    if await keep(cast(Memory, store), kept) is None:
        raise NotFound(f"There is no trace {verdict.trace_id!r} here.", code="trace_not_found")
    told = {"id": kept.id, "object": "outlay.feedback", "trace_id": kept.trace_id, "score": kept.score}
    return Response(msgspec.json.encode(told), media_type="application/json")
