"""The tables of the HTML page. Every text that came from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from math import log10

from outlay.report.cells import Cell
from outlay.report.comparisons import Comparison
from outlay.report.market import Market
from outlay.report.offer import Offer, named, short
from outlay.report.resampling import Range
from outlay.report.words import buying_steps, dollars, per_right, percent

PILL = ' <span class="pill">best buy</span>'
RIGHT = ("right, 95 %", "$ a question", "$ a right answer")


def ribbon(market: Market) -> str:
    """The ranges of worth side by side on a logarithmic scale, deeper where the buy is dearer."""
    worths = [b.low_usd for b in market.buys if b.low_usd > 0]
    if not worths:
        return ""
    ends = [min(worths) / 3, *worths, max(worths) * 3]
    widths = [log10(high / low) for low, high in pairwise(ends)]
    spans = (f'<span style="flex:{w:.3f};--depth:{_depth(i, market)}%"></span>' for i, w in enumerate(widths))
    return f'<div class="ribbon" aria-hidden="true">{"".join(spans)}</div>'


def buys(market: Market) -> str:
    """What to buy for which worth, with what it brings and costs."""
    rows = []
    for i, (buy, (worth, what)) in enumerate(zip(market.buys, buying_steps(market), strict=True)):
        swatch = f'<span class="swatch" style="--depth:{_depth(i, market)}%"></span>'
        offer = None if buy.offer is None else market.offers[buy.offer]
        right = _right(offer.accuracy, offer.accuracy_interval) if offer else "–"
        cost = dollars(offer.cost_usd) if offer else "–"
        doubt = '<span class="few">difference not established</span>' if buy.established is False else ""
        rows.append([f"{swatch}{escape(worth)}", f"<strong>{escape(what)}</strong>", right, cost, doubt])
    return table(
        ("a right answer is worth", "buy", "right", "$ a question", ""), (("", r) for r in rows), left=(1,)
    )


def cells(of: Sequence[Cell], market: Market) -> str:
    """One row a cell, under a line for its model."""
    header = ("plan", *RIGHT, "tokens in/cached/out", "calls", "p50 / p90 / p99 s", "failed", "Brier")
    bought = {(o.model, o.strategy, o.verifier) for o in market.bought}
    rows: list[tuple[str, list[str]]] = []
    for model in dict.fromkeys(c.model for c in of):
        rows.append(("model", [escape(short(model))]))
        for c in (c for c in of if c.model == model):
            mark = (c.model, c.strategy, c.verifier) in bought and not c.oracle
            rows.append(("bought" if mark else "", _cell(c, mark)))
    return table(header, rows)


def offers(of: Sequence[Offer], market: Market) -> str:
    """One row a recorded pool, under a line for its model."""
    rows: list[tuple[str, list[str]]] = []
    for model in dict.fromkeys(o.model for o in of):
        rows.append(("model", [escape(short(model))]))
        for o in (o for o in of if o.model == model):
            mark = o in market.bought
            rows.append(("bought" if mark else "", _offer(o, mark)))
    return table(("plan", *RIGHT, "samples", "error of the mean"), rows)


def compared(of: Sequence[Comparison], market: Market) -> str:
    """One row a comparison, with its interval in points around 0, under a line for the model of its plan."""
    rows: list[tuple[str, list[str]]] = []
    for model in dict.fromkeys(c.plan.model for c in of):
        rows += [("model", [escape(short(model))])] if market.several_models else []
        rows += [("", _comparison(c)) for c in of if c.plan.model == model]
    header = ("plan", "against", "", "points righter, 95 %", "p", "questions", "established")
    return table(header, rows, left=(1,))


def _comparison(c: Comparison) -> list[str]:
    points = 100 * c.difference
    low, high = 100 * c.interval[0], 100 * (c.interval[1] or 0.0)
    against = named(c.against.strategy, c.against.verifier, c.against.model if c.why == "model" else "")
    return [
        escape(named(c.plan.strategy, c.plan.verifier)),
        escape(against),
        _range("zero", 50 + low / 2, 50 + high / 2, 50 + points / 2),
        f"{points:+.0f} ({low:+.0f} to {high:+.0f})",
        f"{c.p_value:.2g}",
        str(c.questions) if c.same_questions else f"{c.questions} in common",
        "yes" if c.established else '<span class="few">no</span>',
    ]


def _cell(c: Cell, mark: bool) -> list[str]:
    seconds = c.latency_s
    cached = "–" if c.cached_tokens is None else f"{c.cached_tokens:,.0f}"
    return [
        escape(named(c.strategy, c.verifier)) + (PILL if mark else ""),
        _right(c.accuracy, c.accuracy_interval),
        dollars(c.cost_usd),
        _bill(c),
        f"{c.input_tokens:,.0f} / {cached} / {c.output_tokens:,.0f}",
        f"{c.calls:.3g}",
        f"{seconds.p50:.2g} / {seconds.p90:.2g} / {seconds.p99:.2g}" if seconds else "–",
        str(c.failures or "–"),
        "–" if c.brier is None else f"{c.brier:.2f}",
    ]


def _bill(c: Cell) -> str:
    said = per_right(c.cost_of_pass_usd, c.accuracy)
    if c.cost_of_pass_interval is None:
        return said
    low, high = c.cost_of_pass_interval
    upper = "no end" if high is None else dollars(high)
    return f'<span title="95 %: {dollars(low)} to {upper}">{said}</span>'


def _offer(o: Offer, mark: bool) -> list[str]:
    error = "exact" if o.standard_error is None else f"±{100 * o.standard_error:.1f} points"
    right = _right(o.accuracy, o.accuracy_interval)
    bill = per_right(o.cost_of_pass_usd, o.accuracy)
    return [
        escape(o.plan) + (PILL if mark else ""),
        right,
        dollars(o.cost_usd),
        bill,
        str(o.k),
        error,
    ]


def _right(accuracy: float, ends: Range) -> str:
    """The share of right answers as a bar with its interval, then in figures."""
    low, high = 100 * ends[0], 100 * (ends[1] or 0.0)
    bar = _range("", low, high, 100 * accuracy)
    return f'{bar}{percent(accuracy)} <span class="ends">{low:.0f}–{high:.0f}</span>'


def _range(kind: str, low: float, high: float, at: float) -> str:
    style = f"--low:{low:.1f}%;--high:{high:.1f}%;--at:{at:.1f}%"
    return f'<span class="range {kind}" style="{style}" aria-hidden="true"><i></i><b></b></span>'


def _depth(i: int, market: Market) -> int:
    return round(100 * i / max(len(market.buys) - 1, 1))


def table(header: Sequence[str], rows: Iterable[tuple[str, list[str]]], left: Sequence[int] = ()) -> str:
    """A table of HTML cells; a row of one cell spans all columns. The class of a row comes before its cells."""
    heads = "".join(f"<th{_side(i, left)}>{escape(h)}</th>" for i, h in enumerate(header))
    lines = []
    for kind, row in rows:
        span = f' colspan="{len(header)}"' if len(row) == 1 else ""
        inner = "".join(f"<td{_side(i, left)}{span}>{value}</td>" for i, value in enumerate(row))
        lines.append(f'<tr class="{kind}">{inner}</tr>' if kind else f"<tr>{inner}</tr>")
    whole = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="scroll">{whole}</div>'


def _side(i: int, left: Sequence[int]) -> str:
    return ' class="words"' if i in left else ""
