"""The report in a terminal: tables for people, plain text for pipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from outlay.report.cells import Cell
from outlay.report.further_words import decisive
from outlay.report.market import Market
from outlay.report.money_words import paying_back, spending_words
from outlay.report.offer import Offer, short
from outlay.report.resampling import Range
from outlay.report.summary import Report
from outlay.report.words import (
    buying_advice,
    buying_steps,
    cautions,
    dollars,
    headline,
    per_right,
    percent,
    required_accuracy,
)

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("plan", "accuracy", "95 %", "$ a question", "$ a right answer", "tokens in / out", "p50 s", "failed")
"""What each row of a table of cells says."""
ORACLES = "Oracle block: these saw the answer key. Nobody can buy them; they say what is in reach."
POOLS = "Each: accuracy (95 %), then $ a question, $ a right answer."


def write(report: Report, out: TextIO, *, width: int | None = None) -> None:
    """Write tables, advice and cautions to `out`: in colour on a terminal, plain on a pipe or under NO_COLOR.

    A dot marks the plans that are the best buy for some worth. Texts of models and users are shown as they are:
    no markup is read in them, control characters are dropped.

    Args:
        report: the report.
        out: an open text file.
        width: columns; None takes the terminal's, and 120 on a pipe, where nobody should be cut off.
    """
    from rich.console import Console

    console = Console(file=out, width=width or (None if out.isatty() else 120), markup=False, highlight=False)
    for market in report.markets:
        cells = [c for c in report.cells if (c.task, c.source) == (market.task, market.source)]
        console.print()
        console.print(clean(headline(market)), style="bold")
        for table in _tables(market, market.offers, [c for c in cells if not c.oracle]):
            console.print(table)
        console.print("What to buy, by what a right answer is worth to you:", style="bold")
        console.print(_steps(market) if market.offers else clean(buying_advice(market)))
        console.print(clean(required_accuracy(market)))
        for sentence in (*decisive(report, market), *cautions(market, report.comparisons, report.cells)):
            console.print(f"- {clean(sentence)}")
        if market.oracles:
            console.print(f"\n{ORACLES}")
            for table in _tables(market, market.oracles, [c for c in cells if c.oracle]):
                console.print(table)
    said = [*spending_words(report.spending), *map(paying_back, report.amortised)]
    if said:
        console.print()
    for sentence in said:
        console.print(f"- {clean(sentence)}")


def clean(text: str) -> str:
    r"""`text` without control characters, which could move the cursor or recolour a terminal.

    Example:
        >>> clean("a\x1b[31mb")
        'a[31mb'
    """
    return "".join(c for c in text if c.isprintable())


def _tables(market: Market, offers: Sequence[Offer], cells: Sequence[Cell]) -> list[Table]:
    """One table a model: of recorded pools by samples, otherwise of cells."""
    if market.source == "pools":
        return [_pool_table(model, offers, market) for model in dict.fromkeys(o.model for o in offers)]
    return [_cell_table(model, cells, market) for model in dict.fromkeys(c.model for c in cells)]


def _cell_table(model: str, cells: Sequence[Cell], market: Market) -> Table:
    table = _empty(model, COLUMNS)
    bought = {(o.model, o.strategy, o.verifier) for o in market.bought}
    for c in (c for c in cells if c.model == model):
        mark = (c.model, c.strategy, c.verifier) in bought and not c.oracle
        table.add_row(*map(clean, _row(c, mark)), style="bold" if mark else None)
    return table


def _steps(market: Market) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for worth, what in buying_steps(market):
        table.add_row(f"  {worth}", clean(what), style="green")
    return table


def _row(cell: Cell, mark: bool) -> tuple[str, ...]:
    return (
        f"{'●' if mark else ' '} {cell.strategy}{f' + {cell.verifier}' if cell.verifier else ''}",
        percent(cell.accuracy),
        interval(cell.accuracy_interval),
        dollars(cell.cost_usd),
        per_right(cell.cost_of_pass_usd, cell.accuracy),
        f"{cell.input_tokens:,.0f} / {cell.output_tokens:,.0f}",
        f"{cell.latency_s.p50:.2g}" if cell.latency_s else "–",
        str(cell.failures or "–"),
    )


def _pool_table(model: str, offers: Sequence[Offer], market: Market) -> Table:
    """One row a selection, one column a number of samples; each with its interval, price and bill."""
    ks = sorted({o.k for o in offers if o.k})
    table = _empty(model, ("selection", *(f"{k} sample{'s' if k > 1 else ''}" for k in ks)))
    table.caption = POOLS
    mine = [o for o in offers if o.model == model]
    for strategy in dict.fromkeys(o.strategy for o in mine):
        by_k = {o.k: o for o in mine if o.strategy == strategy}
        table.add_row(clean(strategy), *(_of_k(by_k.get(k), market.bought) for k in ks))
    return table


def _of_k(offer: Offer | None, bought: Sequence[Offer]) -> str:
    if offer is None:
        return "–"
    mark = "● " if offer in bought else ""
    right = per_right(offer.cost_of_pass_usd, offer.accuracy)
    share = f"{mark}{percent(offer.accuracy)} ({interval(offer.accuracy_interval)})"
    return f"{share}\n{dollars(offer.cost_usd)}, {right}"


def _empty(model: str, columns: Iterable[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title=clean(short(model)),
        title_justify="left",
        caption_justify="left",
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold")
    return table


def interval(ends: Range) -> str:
    """An interval of a share in per cent.

    Example:
        >>> interval((0.49, 0.94))
        '49–94'
    """
    return f"{100 * ends[0]:.0f}–{100 * (ends[1] or 0.0):.0f}"
