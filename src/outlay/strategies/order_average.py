"""Order average: the likeliest answer on average over orders of interchangeable parts, and how far order moves it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from outlay.errors import UsageError
from outlay.run import Run
from outlay.selection import draw
from outlay.selection._classes import best
from outlay.skeletons.parts import Parts, Which, find
from outlay.skeletons.pool import answer, draws, need_kind
from outlay.stats.order_average import orders as orders_of
from outlay.strategies._orders import Told, probed, sampled
from outlay.types import Answer, Bound, Choice, Question

NEEDS = frozenset({"chat"})
Orders = Annotated[int, Meta(ge=1, le=64)]
"""A number of orders, or of bands."""
Samples = Annotated[int, Meta(ge=1, le=64)]
"""Samples of each order."""
Read = Literal["auto", "letters", "samples"]
"""What is read under each order: the probabilities of the letters as first token, or the answers of samples."""


def bound(
    question: Question,
    *,
    orders: Orders = 6,
    per_order: Samples = 2,
    parts: Which = "auto",
    bands: Orders = 1,
    read: Read = "auto",
) -> Bound:
    """At most orders x per_order draws; reading letters takes one token of each order."""
    return draws(question, orders * per_order)


async def order_average(
    run: Run,
    question: Question,
    *,
    orders: Orders = 6,
    per_order: Samples = 2,
    parts: Which = "auto",
    bands: Orders = 1,
    read: Read = "auto",
) -> Answer:
    """The answer of highest mean probability over several orders of the parts, with how far that depends on order.

    Parts are the options of a choice question, the documents or examples that a framing put there, or what stands
    between lines of three dashes. Letters are translated back. The answer tells the mean, its standard error (which
    falls as 1 / sqrt(orders)), the lowest order, and the certificate: no more than sqrt(JSD / 2) is the mean distance
    of one order from the average. Where nothing can be reordered it is a vote that says so.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind. Use it only where order carries no meaning.
        orders: m, the given order among them; fewer where there are not so many.
        per_order: samples of each order; two tell order from chance. Unused for letters.
        parts: what is reordered.
        bands: parts move only within so many contiguous bands of them; 1 shuffles freely.
        read: `letters` reads the first token's probabilities without reasoning (needs log-probabilities and a choice
            question), `samples` counts answers; `auto` is letters where they can be had.

    Raises:
        MissingAbility: letters are to be read and the model reports no log-probabilities.
        UsageError: letters are to be read of a question that is no choice.

    Cost: orders calls of one token, or orders x per_order draws; every order is a prompt of its own.
    Source: Chlon et al. (arXiv 2507.11768, 2509.11208) and `leochlon/pythea`: probe, bands, quantile, certificate. Any
        number of letters instead of 1 and 0, shares of samples where there are no log-probabilities, and free
        shuffles by default (there are few parts) are ours.
    Example: `outlay bench logic_choice --strategy order_average:orders=4`
    """
    need_kind(question, "order_average")
    letters = question.kind == "choice" and "logprobs" in run.card().abilities
    if read == "letters":
        run.need(frozenset({"logprobs"}))
        if question.kind != "choice":
            raise UsageError("order_average reads letters of choice questions only; use read=samples.")
    found = find(question, parts)
    asked = _orders(run, found, orders, bands)
    if letters and read != "samples":
        told, source = await probed(run, question, found, asked), "probability of its letter"
    else:
        many = per_order if found is not None else per_order * orders
        told, source = await sampled(run, question, found, asked, many), "share of the samples"
    choice = best({key: (p,) for key, p in told.mean.items()})
    lead = draw(choice, run.rng("tie"))
    return answer(
        run,
        question,
        told.speaking_for(lead).pool,
        choice if lead is None else Choice(((lead, 1.0),)),
        stopped=_said(told, found, lead, len(asked)),
        p_correct=None if lead is None else min(told.mean[lead], 1.0),
        p_source=f"mean over {len(told.shares)} orders of the {source}, not calibrated" if lead else "",
    )


def _orders(run: Run, found: Parts | None, most: int, bands: int) -> tuple[tuple[int, ...], ...]:
    return ((),) if found is None else orders_of(found.count, most, bands, run.rng("orders"))


def _said(told: Told, found: Parts | None, lead: str | None, asked: int) -> str:
    if found is None:
        return f"{len(told.pool.samples)} samples of one order: nothing to reorder was found, so order is not averaged"
    if lead is None:
        return f"{asked} orders of {found.count} {found.which} asked, none of which gave an answer"
    d = told.of(lead)
    error = "" if d.error is None else f" +- {d.error:.3f}"
    between = (
        "" if told.spread is None else f"; between orders its standard deviation is {told.spread**0.5:.3f}"
    )
    left_out = "" if d.orders == asked else f"; {asked - d.orders} orders gave no answer"
    return (
        f"{asked} orders of {found.count} {found.which}: {d.mean:.3f}{error}, lowest order {d.low:.3f}, moved by the "
        f"order {d.deviation:.3f} on average (certificate {d.certificate:.3f}){between}{left_out}"
    )
