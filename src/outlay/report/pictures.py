"""The charts of a market: offers become points."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from outlay.charts import Chart, Point, curves_chart, frontier_chart, worth_chart
from outlay.report.market import Market
from outlay.report.offer import Offer, short


def frontier_picture(market: Market, *, height: int = 380) -> Chart:
    """Cost against accuracy of every plan of a market, oracles hollow; colours are models."""
    return frontier_chart(points(market), height=height)


def curves_picture(market: Market) -> Chart:
    """Accuracy against samples of a market of recorded pools; colours are selections, panels are models."""
    offers = [*_with_singles(market.offers), *market.oracles]
    panels = len({o.model for o in offers})
    width = 390 if panels <= 2 else 280
    return curves_chart([_point(o, o.strategy, market.bought) for o in offers], panel_width=width)


def worth_picture(market: Market) -> Chart:
    """What is left of a right answer's worth under each plan that is ever the best buy."""
    burdens = {(o.model, o.plan): o.burden_usd or 0.0 for o in market.offers}
    priced = [replace(p, cost_usd=burdens.get((o.model, o.plan), p.cost_usd)) for o, p in _priced(market)]
    return worth_chart(priced)


def points(market: Market) -> list[Point]:
    """Every offer with a known price as a point, by model."""
    return [point for _, point in _priced(market)]


def _priced(market: Market) -> list[tuple[Offer, Point]]:
    offers = [o for o in (*market.offers, *market.oracles) if o.cost_usd is not None]
    return [(o, _point(o, short(o.model), market.bought)) for o in offers]


def _with_singles(offers: Sequence[Offer]) -> list[Offer]:
    """One sample is listed once a model; here it begins the curve of every selection of that model."""
    curves = list(dict.fromkeys((o.model, o.strategy) for o in offers))
    first = {o.model: o for o in offers if o.k == 1}
    found = list(offers)
    for model, strategy in curves:
        begun = any((o.model, o.strategy, o.k) == (model, strategy, 1) for o in offers)
        if model in first and not begun:
            found.append(replace(first[model], strategy=strategy))
    return found


def _point(offer: Offer, series: str, bought: Sequence[Offer]) -> Point:
    low, high = offer.accuracy_interval
    return Point(
        name=offer.name,
        series=series,
        cost_usd=offer.cost_usd or 0.0,
        accuracy=offer.accuracy,
        low=low,
        high=1.0 if high is None else high,
        questions=offer.questions,
        bought=offer in bought and not offer.oracle,
        oracle=offer.oracle,
        label=offer.plan,
        panel=short(offer.model),
        k=offer.k,
    )
