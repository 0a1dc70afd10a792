"""The whole report as one value: cells, comparisons, markets, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from outlay.report.cells import Cell, cells
from outlay.report.comparisons import Comparison, comparisons
from outlay.report.market import Market, markets
from outlay.report.outcome import Outcome, PoolCell


class PriceLine(Struct, frozen=True, omit_defaults=True):
    """What a model was charged at, in dollars per million tokens, with where that was read and when."""

    model: str
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    source: str = ""
    date: str = ""


class Provenance(Struct, frozen=True, omit_defaults=True):
    """Where the figures came from: enough to make them again."""

    date: str = ""
    machine: str = ""
    seed: int = 0
    command: str = ""
    versions: dict[str, str] = {}
    prices: tuple[PriceLine, ...] = ()


class Report(Struct, frozen=True):
    """Everything that table, sentences, charts and page are made from. As JSON it is `report.json`."""

    cells: tuple[Cell, ...]
    pools: tuple[PoolCell, ...]
    comparisons: tuple[Comparison, ...]
    markets: tuple[Market, ...]
    provenance: Provenance = Provenance()


def summarise(
    outcomes: Sequence[Outcome],
    pools: Sequence[PoolCell] = (),
    *,
    seed: int,
    provenance: Provenance | None = None,
) -> Report:
    """The report of these outcomes and recorded pools; the same inputs give the same report.

    Args:
        outcomes: every question asked under every plan, in any order.
        pools: recorded pools under selections, made elsewhere.
        seed: seed of every bootstrap and permutation.
        provenance: machine, date, seed, versions and prices, to be shown.

    Returns:
        The report.

    Example:
        >>> right = Outcome("sums", "m", "single", "q1", True, 1.0, cost_nusd=2_000)
        >>> print(summarise([right], seed=1).markets[0].buys[1].low_usd)
        2e-06
    """
    found = cells(outcomes, seed=seed)
    return Report(
        cells=tuple(found),
        pools=tuple(replace(p, accuracy_Q=()) for p in pools),
        comparisons=tuple(comparisons(outcomes, found, seed=seed)),
        markets=tuple(markets(outcomes, found, pools, seed=seed)),
        provenance=provenance or Provenance(),
    )
