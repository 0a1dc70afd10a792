"""The parts of the page about money: by phase and role, and when offline work pays back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from outlay.charts import SCHEMA, Chart
from outlay.report.amortised import Amortised
from outlay.report.market import Market
from outlay.report.money_words import paying_back, spending_words
from outlay.report.offer import named, short
from outlay.report.page_tables import table
from outlay.report.spending import Spending
from outlay.report.summary import Report
from outlay.report.words import dollars, percent

SPENT = (
    "Of this experiment's calls in the ledger. Costs and tokens count what came from the call cache as if it had been "
    "bought; paid is what was paid."
)
PAYS = "The mean cost of a question, its share of the offline work included; dotted: without that work."


def spent(of: Sequence[Spending]) -> str:
    """Tokens and money by phase and role as HTML."""
    rows = [
        (
            "",
            [
                escape(f"{s.phase}, {s.role}, {short(s.model)}"),
                f"{s.calls:,}",
                f"{s.input_tokens:,}",
                "–" if s.cached_tokens is None else f"{s.cached_tokens:,}",
                f"{s.output_tokens:,}",
                dollars(s.cost_usd),
                "–" if s.share is None else percent(s.share),
                dollars(s.paid_usd),
                f"{s.failed_calls} / {s.lost_calls}" if s.failed_calls or s.lost_calls else "–",
            ],
        )
        for s in of
    ]
    head = (
        "phase, role, model",
        "calls",
        "tokens in",
        "cached",
        "out",
        "cost",
        "share",
        "paid",
        "failed / lost",
    )
    words = "".join(f"<p>{escape(s)}</p>" for s in spending_words(of))
    return f'{words}{table(head, rows)}<p class="note">{escape(SPENT)}</p>'


def paid_back(market: Market, report: Report, picture: Callable[[Chart, str], str]) -> list[tuple[str, str]]:
    """The part of a market about offline work, with its heading, where there is any."""
    of = [a for a in report.amortised if (a.task, a.source) == (market.task, market.source)]
    if not of:
        return []
    words = "".join(f"<li>{escape(paying_back(a))}</li>" for a in of)
    chart = picture(break_even_chart(of, several_models=market.several_models), PAYS)
    return [("When offline work has paid back", f"<ul>{words}</ul>{chart}")]


def break_even_chart(of: Sequence[Amortised], *, several_models: bool, height: int = 240) -> Chart:
    """Cost of a use against the number of uses, on logarithmic scales, a line a plan, dotted without the work.

    Args:
        of: plans with their curves.
        several_models: whether names need their model.
        height: pixels.

    Returns:
        A Vega-Lite dictionary.
    """
    rows = [
        {
            "plan": named(a.plan, a.verifier, a.model if several_models else ""),
            "uses": at.uses,
            "usd": usd,
            "kind": kind,
        }
        for a in of
        for at in a.curve
        for kind, usd in (("with", at.usd), ("without", a.without_usd))
    ]
    log = {"type": "quantitative", "scale": {"type": "log"}}
    return {
        "$schema": SCHEMA,
        "description": "Mean cost of a question by the number of uses that share the offline work.",
        "width": "container",
        "height": height,
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {**log, "field": "uses", "axis": {"title": "uses", "format": "~s", "grid": False}},
            "y": {**log, "field": "usd", "axis": {"title": "$ a question", "format": "~g", "tickCount": 5}},
            "color": {"field": "plan", "type": "nominal", "title": None, "sort": None},
            "strokeDash": {
                "field": "kind",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["with", "without"], "range": [[1, 0], [2, 4]]},
            },
        },
    }
