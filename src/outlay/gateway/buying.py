"""A request that is bought with a strategy: the plan, who sells it, and what of the request it cannot honour."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from outlay import plugins
from outlay.engine import Outlay
from outlay.errors import UsageError
from outlay.gateway.auth import Caller
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.errors import BadField
from outlay.gateway.options import Options, framings_of
from outlay.gateway.planned import weighs
from outlay.gateway.sellers import Sellers
from outlay.gateway.wanted import Wanted
from outlay.gateway.worst import checked_by
from outlay.types import Draws, Plan, Question


class Order(Struct, frozen=True):
    """A plan to buy for a question, from whom, and what there is to say about how it was chosen."""

    seller: Outlay
    model: str
    """The offered name of the default model."""
    question: Question
    plan: Plan
    seed: int | None
    note: str = ""

    @property
    def spec(self) -> str:
        """The strategy as users write it."""
        given = ",".join(f"{k}={plugins.quoted(v)}" for k, v in self.plan.parameters.items())
        return f"{self.plan.strategy}:{given}" if given else self.plan.strategy

    def worst(self) -> dict[str, Draws]:
        """The most that the plan uses by role before retries, its verifier's own calls in place of verifications."""
        bound = self.seller.bound(self.question, self.spec, self.plan.framings)
        return checked_by(bound, self.question, self.plan.verifier, self.plan.framings)


async def order(
    sellers: Sellers, caller: Caller, asked: ChatRequest, wanted: Wanted, question_id: str
) -> Order:
    """The order that a request which is bought amounts to.

    Raises:
        BadField: something that the plan cannot honour; nothing is dropped in silence.
        NotAllowed: the key may not use the model or the strategy, or not so many calls.
        UsageError: a parameter out of bounds.
    """
    _refuse_choices(asked)
    options, name = wanted.options, wanted.strategy or "single"
    wanted.may(caller, asked.model)
    seller = await sellers.played_by(wanted.cast)
    framings = framings_of(options) or wanted.entry.around
    target = plugins.load("strategy", name)
    given = _parameters(name, options)
    try:
        parameters = plugins.check("strategy", name, target, given)
    except UsageError as error:
        raise BadField("outlay.parameters", str(error)) from None
    roles = {seat: card.name for seat, card in (await seller.cards()).items()}
    plan = Plan(name, parameters, options.verifier, options.kind, roles, framings, wanted.plan)
    sampling = caller.capped(wanted.entry.bounding(asked.sampling))
    seed = options.seed if options.seed is not None else asked.seed
    question = Question(
        _id(question_id, asked, seed), asked.messages, options.kind, options.task_class or "default", sampling
    )
    placed = Order(seller, wanted.offered, question, plan, seed, wanted.note)
    n_calls = sum(draw.calls for draw in placed.worst().values())
    wanted.may_fan_out(n_calls)
    caller.may_fan_out(n_calls)
    return placed


def _parameters(name: str, options: Options) -> dict[str, Any]:
    given = dict(options.parameters)
    for weighed in ("wrong_usd", "usd_per_s"):
        if getattr(options, weighed) is not None:
            raise BadField(
                f"outlay.{weighed}", f"{name} does not weigh it; outlay/auto does, where plans are known."
            )
    if options.value_usd is not None:
        if not weighs(name):
            raise BadField("outlay.value_usd", f"{name} does not weigh what an answer is worth; adaptive does.")
        given["value_usd"] = options.value_usd
    return given


def _refuse_choices(asked: ChatRequest) -> None:
    if asked.n > 1:
        told = "A strategy gives one answer, not n choices; how many samples it draws is outlay.parameters.n."
        raise BadField("n", told, code="unsupported_parameter")
    if asked.sampling.top_logprobs is not None:
        told = (
            "An answer chosen among samples has no log-probabilities of its own; ask a model itself for them."
        )
        raise BadField("logprobs", told, code="unsupported_parameter")


def _id(question_id: str, asked: ChatRequest, seed: int | None) -> str:
    """The question's id; with a seed it follows from what is asked, so that the same request draws the same."""
    if seed is None:
        return question_id
    told = msgspec.json.encode([asked.messages, asked.sampling], order="deterministic")
    return f"q_{hashlib.blake2b(told, digest_size=12).hexdigest()}"
