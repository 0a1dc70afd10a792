"""`POST /v1/completions` and `POST /v1/embeddings`: the model's own reply, bounded, metered and traced."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from outlay.config.guard import least
from outlay.door.relay import OnEvent, Reply, encoded_bytes
from outlay.door.relay_ending import Relayed
from outlay.door.session import Account
from outlay.engine import Outlay
from outlay.gateway import body
from outlay.gateway.auth import Caller
from outlay.gateway.chat_reply import account_of, headers_of
from outlay.gateway.chat_request import REFUSED, StreamOptions
from outlay.gateway.errors import BadField, param_of
from outlay.gateway.insides import shown, worded
from outlay.gateway.keys import BUY
from outlay.gateway.live import EventStream, Whole, while_connected
from outlay.gateway.logs import note
from outlay.gateway.once import once
from outlay.gateway.options import ON_PASS_THROUGH, options_of, refuse_beyond
from outlay.gateway.relay_wanted import want_relay
from outlay.gateway.relayed_events import Emit, Events
from outlay.gateway.sent_headers import sent_headers
from outlay.gateway.state import State, state_of
from outlay.gateway.wanted import Wanted
from outlay.types import Answer

DEFAULT_TOKENS = 16
"""The output bound of a plain completion that states none: OpenAI's own default, stated to every server."""
_OWN = frozenset({"model", "outlay", "stream", "stream_options"})


class Plain(Struct, frozen=True):
    """The fields that outlay itself reads of a request for plain completions or embeddings."""

    model: str
    prompt: str | list[Any] = ""
    n: Annotated[int, Meta(ge=1, le=128)] = 1
    max_tokens: Annotated[int, Meta(ge=0, le=2**53)] = DEFAULT_TOKENS
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()


class _Job(Struct, frozen=True):
    """One request that is in order, and who asked for it."""

    state: State
    request: Request
    fields: Plain
    asked: Relayed
    wanted: Wanted
    account: Account
    id: str

    async def buy(self, seller: Outlay, on_event: OnEvent | None = None) -> tuple[Answer, Reply]:
        """The server's reply, and the answer that accounts for it, counted and noted in the request's line."""
        options = self.wanted.options
        answer, reply = await seller.relay(
            self.asked,
            question_id=self.id,
            limits=options.limits(time.monotonic()),
            account=self.account,
            on_event=on_event,
            name=self.wanted.plan,
        )
        answer = msgspec.structs.replace(answer, chosen=self.wanted.chosen)
        self.state.metrics.bought(self.wanted.offered, answer)
        self.state.metrics.tagged(options.tags, answer)
        note(
            self.request,
            model=self.fields.model,
            strategy=self.asked.path,
            trace_id=answer.trace_id,
            cost_nusd=answer.cost_nusd,
            tags=options.tags,
        )
        return shown(self.request, answer), reply


async def completions(request: Request) -> ASGIApp:
    """Plain completions of a text, streamed or not, as the model's server answers them.

    Raises:
        OutlayError: the request is refused, or the server fails.
    """
    return await _passed(request, "completions")


async def embeddings(request: Request) -> ASGIApp:
    """Embeddings, as the model's server answers them.

    Raises:
        OutlayError: the request is refused, or the server fails.
    """
    return await _passed(request, "embeddings")


async def _passed(request: Request, path: str) -> ASGIApp:
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    sent = await body.read(request)

    async def answer(scope: str | None) -> ASGIApp:
        return await _answered(state, request, caller, path, sent, scope)

    return await once(state.idempotency, request, caller, sent, answer)


async def _answered(
    state: State, request: Request, caller: Caller, path: str, sent: bytes, scope: str | None
) -> ASGIApp:
    given = {name: value for name, value in body.decoded(sent).items() if value is not None}
    options = options_of(given.get("outlay"), sent_headers(request))
    refuse_beyond(options, ON_PASS_THROUGH, f"{path} are passed through as they are")
    try:
        fields = msgspec.convert(given, Plain)
    except msgspec.ValidationError as error:
        raise BadField(param_of(error), f"The request is not in order: {error}.") from None
    wanted = want_relay(state.config, caller, fields.model, options)
    wanted.may(caller, fields.model)
    asked = _relayed(path, given, fields, caller, wanted)
    seller = await state.sellers.played_by(wanted.cast)
    id = scope or state.outlay.store.new_id("relay")
    job = _Job(state, request, fields, asked, wanted, caller.account(scope), id)
    if fields.stream:
        return _streamed(job, seller)
    answer, reply = await while_connected(request.scope, request.receive, job.buy(seller))
    told = msgspec.json.encode({**(reply.said or {}), "model": fields.model, "outlay": account_of(answer)})
    return Whole(told, headers_of(answer))


def _streamed(job: _Job, seller: Outlay) -> EventStream:
    async def stream(emit: Emit) -> None:
        events = Events(job.fields.model, emit, include_usage=job.fields.stream_options.include_usage)
        answer, _ = await job.buy(seller, events.take)
        events.end(answer)

    return EventStream(stream, on_left=job.state.metrics.left.inc, word=partial(worded, job.request))


def _relayed(path: str, given: dict[str, Any], fields: Plain, caller: Caller, wanted: Wanted) -> Relayed:
    for name in given.keys() & REFUSED.keys():
        raise BadField(name, f"{name} cannot be honoured: {REFUSED[name]}.", code="unsupported_parameter")
    sent = {name: value for name, value in given.items() if name not in _OWN}
    if path == "embeddings":
        if fields.stream:
            raise BadField("stream", "Embeddings come in one piece.", code="unsupported_parameter")
        if not (isinstance(texts := given.get("input"), str | list) and texts):
            raise BadField("input", "Embeddings need an input: a text, or a list of texts or tokens.")
        return Relayed(path, sent, encoded_bytes(sent), 0, 1)
    several = isinstance(fields.prompt, list) and not all(isinstance(p, int) for p in fields.prompt)
    n = fields.n * (len(fields.prompt) if several else 1)
    wanted.may_fan_out(n)
    caller.may_fan_out(n)
    most = least(caller.output_cap(fields.max_tokens), wanted.entry.max_output_tokens) or 0
    return Relayed(path, {**sent, "max_tokens": most}, encoded_bytes(sent), most, n)
