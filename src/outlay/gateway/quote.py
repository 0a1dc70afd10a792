"""`POST /v1/outlay/quote`: what a chat request would cost at most, and on what this server has seen, on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from outlay import chain
from outlay.answering import PASS_THROUGH, players
from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, count_images, image_tokens, open_ended
from outlay.gateway import body, chat_request
from outlay.gateway.auth import Caller
from outlay.gateway.buying import order
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.keys import READ
from outlay.gateway.options import ON_PASS_THROUGH, Options, options_of, refuse_beyond
from outlay.gateway.seen import Averages
from outlay.gateway.state import State, state_of
from outlay.gateway.wanted import Wanted, want
from outlay.models.provider import Card
from outlay.models.retry import MAX_RETRIES
from outlay.money import Price, cost_nusd, usd, worst_nusd
from outlay.skeletons.pool import draws
from outlay.types import Draws, Message, Plan, Question, Usage


class Quote(Struct, frozen=True):
    """A price without a purchase. Null is unknown, which is not zero.

    The worst case counts every call and every retry that the plan may make within the request's caps, and takes each
    call to read every image; its price is null where nobody knows what an image, a file or a sound costs.
    The expected price takes each of the plan's calls once, as long as the calls that this server has bought of the
    model, so it is too high for a plan that may stop early; `calls_seen` says on how many calls it stands.
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
    plan: str = ""
    """The named plan that would be bought."""
    chosen: str = ""
    """Why it would be bought this way, where the client did not say how."""
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
    wanted = want(state.config, caller, asked, options_of(asked.outlay, request.headers))
    told = await (_passed if wanted.strategy is None else _bought)(state, caller, asked, wanted)
    told = msgspec.structs.replace(told, plan=wanted.plan, chosen=wanted.chosen)
    return Response(msgspec.json.encode(told), media_type="application/json")


async def _bought(state: State, caller: Caller, asked: ChatRequest, wanted: Wanted) -> Quote:
    placed = await order(state.sellers, caller, asked, wanted, "quote")
    placed = await state.asleep.noted(caller.tenant, placed)
    worst = placed.worst()
    cards = players(await placed.seller.cards())
    seen = state.seen.of(placed.model)
    told = _quote(placed.question.messages, worst, cards, 1 + MAX_RETRIES, seen, placed.plan)
    return _capped(told, wanted.options)


async def _passed(state: State, caller: Caller, asked: ChatRequest, wanted: Wanted) -> Quote:
    refuse_beyond(
        wanted.options, ON_PASS_THROUGH, f"{asked.model} is passed through as it is; ask for outlay/…"
    )
    wanted.may(caller, asked.model)
    seller = await state.sellers.played_by(wanted.cast)
    cards = await seller.cards("default")
    card = next(iter(cards.values()))
    bounded = state.config.guard.on(caller.capped(wanted.entry.bounding(asked.sampling)))
    most = bounded.max_output_tokens or card.max_output_tokens or card.context_tokens or DEFAULT_OUTPUT_TOKENS
    sampling = msgspec.structs.replace(bounded, max_output_tokens=most)
    worst = draws(Question("quote", asked.messages, sampling=sampling), asked.n).by_role
    plan = Plan(PASS_THROUGH, roles={seat: card.name for seat, card in cards.items()}, name=wanted.plan)
    told = _quote(asked.messages, worst, cards, 1, state.seen.of(wanted.offered), plan)
    return _capped(told, wanted.options)


def _capped(quote: Quote, options: Options) -> Quote:
    """A quote within the caps of its request, beyond which nothing is bought."""
    prices = {
        name: min(price, options.max_usd)
        for name in ("worst_usd", "expected_usd")
        if (price := getattr(quote, name)) is not None and options.max_usd is not None
    }
    if options.max_tokens is not None:
        prices["worst_output_tokens"] = min(quote.worst_output_tokens, options.max_tokens)
    return msgspec.structs.replace(quote, **prices)


def _quote(
    messages: Sequence[Message],
    worst: Mapping[str, Draws],
    cards: Mapping[str, Card],
    tries: int,
    seen: Averages,
    plan: Plan,
) -> Quote:
    # Every model of a chain may be asked for every sample; on average the first of them answers.
    by_role = {
        role: [_with_images(cards.get(seat), messages, draw) for seat in chain.seats(role, cards) or [role]]
        for role, draw in worst.items()
    }
    each_seat = [one for seats in by_role.values() for one in seats]
    first = [seats[0] for seats in by_role.values()]
    most = [None if p is None else worst_nusd(p, d.input_tokens, d.output_tokens) for p, d in each_seat]
    each = seen.output_tokens_a_call
    mean = [
        None if p is None or each is None else cost_nusd(p, Usage(d.input_tokens, round(each * d.calls)))
        for p, d in first
    ]
    return Quote(
        worst_usd=None if None in most else usd(tries * sum(m or 0 for m in most)),
        worst_calls=tries * sum(d.calls for _, d in each_seat),
        worst_input_tokens=tries * sum(d.input_tokens for _, d in each_seat),
        worst_output_tokens=tries * sum(d.output_tokens for _, d in each_seat),
        expected_usd=None if None in mean else usd(sum(m or 0 for m in mean)),
        expected_latency_s=round(seen.seconds / seen.calls, 6) if seen.calls else None,
        calls_seen=seen.calls,
        strategy=plan.strategy,
        kind=plan.kind,
        models=plan.roles,
    )


def _with_images(card: Card | None, messages: Sequence[Message], draw: Draws) -> tuple[Price | None, Draws]:
    """A model's price, None where nobody knows what the messages cost; and its draws with images in every call.

    What no model does, a program's seconds, has no price here.
    """
    if card is None:
        return None, draw
    images = draw.calls * count_images(messages) * image_tokens(card)
    price = None if open_ended(card, messages) else card.price
    return price, msgspec.structs.replace(draw, input_tokens=draw.input_tokens + images)
