"""`POST /v1/outlay/quote`: what a chat request would cost at most, and on what this server has seen, on average."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from outlay.answering import PASS_THROUGH, players
from outlay.bounds import DEFAULT_OUTPUT_TOKENS
from outlay.gateway import body, chat_request
from outlay.gateway.auth import Caller
from outlay.gateway.buying import order
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.keys import READ
from outlay.gateway.options import ON_PASS_THROUGH, Options, options_of, refuse_beyond
from outlay.gateway.seen import Averages
from outlay.gateway.sellers import SPACE
from outlay.gateway.state import State, state_of
from outlay.models.provider import Card
from outlay.models.retry import MAX_RETRIES
from outlay.money import cost_nusd, usd, worst_nusd
from outlay.skeletons.pool import draws
from outlay.types import Draws, Plan, Question, Usage


class Quote(Struct, frozen=True):
    """A price without a purchase. Null is unknown, which is not zero.

    The worst case counts every call and every retry that the plan may make, images left out. The expected price takes
    each of the plan's calls once, as long as the calls that this server has bought of the model, so it is too high for
    a plan that may stop early; `calls_seen` says on how many calls it stands.
    """

    worst_usd: float | None
    worst_calls: int
    worst_input_tokens: int
    worst_output_tokens: int
    expected_usd: float | None
    expected_latency_s: float | None
    calls_seen: int
    strategy: str
    kind: str | None
    models: dict[str, str]
    object: str = "outlay.quote"


async def quote(request: Request) -> Response:
    """The quote of a chat request, its body and options as they would be sent; nothing is bought.

    Raises:
        OutlayError: as the request itself would.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(READ)
    asked = chat_request.read(body.decoded(await body.read(request)))
    options = options_of(asked.outlay, request.headers)
    bought = asked.model.startswith(SPACE)
    told = await (_bought if bought else _passed)(state, caller, asked, options)
    return Response(msgspec.json.encode(told), media_type="application/json")


async def _bought(state: State, caller: Caller, asked: ChatRequest, options: Options) -> Quote:
    placed = await order(state.sellers, caller, asked, options, "quote")
    placed = await state.asleep.noted(caller.tenant, placed)
    worst = placed.worst()
    roles = ("default", *state.config.roles)
    cards = players({role: await placed.seller.card(role) for role in roles})
    return _quote(worst, cards, 1 + MAX_RETRIES, state.seen.of(placed.model), placed.plan)


async def _passed(state: State, caller: Caller, asked: ChatRequest, options: Options) -> Quote:
    refuse_beyond(options, ON_PASS_THROUGH, f"{asked.model} is passed through as it is; ask for outlay/…")
    seller = await state.sellers.of(asked.model)
    caller.may_ask(model=asked.model)
    card = await seller.card()
    capped = state.config.guard.on(caller.capped(asked.sampling))
    most = capped.max_output_tokens or card.max_output_tokens or card.context_tokens or DEFAULT_OUTPUT_TOKENS
    sampling = msgspec.structs.replace(capped, max_output_tokens=most)
    worst = draws(Question("quote", asked.messages, sampling=sampling), asked.n).by_role
    plan = Plan(PASS_THROUGH, roles={"default": card.name})
    return _quote(worst, {"default": card}, 1, state.seen.of(asked.model), plan)


def _quote(
    worst: Mapping[str, Draws], cards: Mapping[str, Card], tries: int, seen: Averages, plan: Plan
) -> Quote:
    prices = [(cards[role].price, draw) for role, draw in worst.items()]
    most = [None if p is None else worst_nusd(p, d.input_tokens, d.output_tokens) for p, d in prices]
    each = seen.output_tokens_a_call
    mean = [
        None if p is None or each is None else cost_nusd(p, Usage(d.input_tokens, round(each * d.calls)))
        for p, d in prices
    ]
    return Quote(
        worst_usd=None if None in most else usd(tries * sum(m or 0 for m in most)),
        worst_calls=tries * sum(d.calls for d in worst.values()),
        worst_input_tokens=tries * sum(d.input_tokens for d in worst.values()),
        worst_output_tokens=tries * sum(d.output_tokens for d in worst.values()),
        expected_usd=None if None in mean else usd(sum(m or 0 for m in mean)),
        expected_latency_s=round(seen.seconds / seen.calls, 6) if seen.calls else None,
        calls_seen=seen.calls,
        strategy=plan.strategy,
        kind=plan.kind,
        models=plan.roles,
    )
