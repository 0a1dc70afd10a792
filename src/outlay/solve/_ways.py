"""How a chosen plan is carried out: by votes or tries on one model, or with a plan for each question."""

from __future__ import annotations

from msgspec import Struct

from outlay.engine import Outlay
from outlay.solve._buying import FIRST, Solving
from outlay.solve._deciding import Decided
from outlay.solve._spec import SolveSpec
from outlay.solve._spreading import Spreading
from outlay.solve._till import Solver, Till
from outlay.solve._trying import Trying
from outlay.tasks import Task

VOTES = {"single", "self_consistency", "adaptive"}
"""Plans in whose place the next sample goes where it settles most, which spends a fixed bill better than a fixed n."""
TRIES = {"first_accepted"}


class Way(Struct, frozen=True):
    """A solver, and what it goes by: `votes`, `tries` or `plans`."""

    by: str
    solver: Solver


async def way(task: Task, spec: SolveSpec, decided: Decided | None, shop: Outlay, till: Till) -> Way:
    """The solver for what was decided; without a decision tries where there is a verifier, else votes.

    A plan of votes on one model is carried out by votes, one of tries by tries; everything else, a mixture of models
    too, question by question. Where a worth was said and one sample a question is best, a vote is not worth its price
    by the labels, so one sample is all. `sharpen` keeps its own way of choosing, so it is bought as it is.

    Args:
        task: the questions.
        spec: the models, the money and the bounds.
        decided: what a pilot chose, or None.
        shop: whose run pays, with the first model.
        till: what counts the purchases.
    """
    if decided is None:
        asked = spec.asked(task)
        if spec.verifier:
            return Way("tries", Trying(asked, spec, shop, till, plan=_tries(spec, spec.model)))
        by_votes = Solving(
            asked,
            spec,
            shop,
            till,
            most=spec.most,
            left_usd=spec.max_usd,
            held={},
            least=1,
            plan=_votes(spec.model),
        )
        return Way("votes", by_votes)
    strategies = {e.plan.strategy for e in decided.bought}
    models = {e.models for e in decided.bought}
    if len(models) != 1 or not (strategies <= VOTES or strategies <= TRIES):
        return Way("plans", Spreading(task, spec, decided, shop, till))
    ((model,),) = models
    seller = await shop.played_by({"default": model, **spec.roles})
    asked = spec.asked(task, await seller.card())
    if strategies <= TRIES:
        return Way("tries", Trying(asked, spec, seller, till, plan=_tries(spec, model)))
    one = strategies == {"single"} and spec.value_usd is not None
    held = dict.fromkeys(sorted(decided.places), decided.samples)
    by_votes = Solving(
        asked,
        spec,
        seller,
        till,
        most=1 if one else spec.most,
        left_usd=decided.left_usd,
        held=held,
        least=min(FIRST, max(e.n for e in decided.bought)),
        plan=f"single on {model}" if one else _votes(model),
    )
    return Way("votes", by_votes)


def _votes(model: str) -> str:
    return f"vote on {model}"


def _tries(spec: SolveSpec, model: str) -> str:
    return f"first accepted by {spec.verifier} on {model}"
