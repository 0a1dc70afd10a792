"""The whole report as one value: cells, comparisons, markets, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from outlay.policies._worth import MONEY_ALONE, Worth
from outlay.report.amortised import Amortised, amortised
from outlay.report.cells import Cell, cells
from outlay.report.checked_tries import CheckedTries, checked_tries
from outlay.report.comparisons import Comparison, comparisons
from outlay.report.cost_by_question import TaskCost, costs_by_question
from outlay.report.market import Market, markets
from outlay.report.more_samples import MoreSamples, more_samples
from outlay.report.outcome import Outcome, PoolCell
from outlay.report.samples import Samples
from outlay.report.spending import Spending, spendings
from outlay.report.stated_beliefs import Stated, stated_beliefs
from outlay.report.verifiers import Verifying, verifying
from outlay.store.protocol import Bill


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
    """Everything that table, sentences, charts and page are made from. As JSON it is `report.json`.

    What the data hold nothing for is empty: repeated runs of questions, recorded samples, samples with verdicts,
    stated probabilities, the experiment's own ledger, the same plans without offline work.
    """

    cells: tuple[Cell, ...]
    pools: tuple[PoolCell, ...]
    comparisons: tuple[Comparison, ...]
    markets: tuple[Market, ...]
    provenance: Provenance = Provenance()
    by_question: tuple[TaskCost, ...] = ()
    more_samples: tuple[MoreSamples, ...] = ()
    checked: tuple[CheckedTries, ...] = ()
    stated: tuple[Stated, ...] = ()
    verifying: tuple[Verifying, ...] = ()
    spending: tuple[Spending, ...] = ()
    amortised: tuple[Amortised, ...] = ()


def summarise(
    outcomes: Sequence[Outcome],
    pools: Sequence[PoolCell] = (),
    *,
    samples: Sequence[Samples] = (),
    wrong: float = 1.0,
    worth: Worth = MONEY_ALONE,
    bills: Sequence[Bill] = (),
    without: Sequence[Outcome] = (),
    offline_usd: float = 0.0,
    seed: int,
    provenance: Provenance | None = None,
) -> Report:
    """The report of these outcomes and recorded pools; the same inputs give the same report.

    Args:
        outcomes: every question asked under every plan, in any order.
        pools: recorded pools under selections, made elsewhere.
        samples: the samples that these pools are made of, for what only single samples tell; the same ones again for
            each verifier that checked them.
        wrong: what handing out a wrong answer costs, from 0, in worths of a right one: for the best number of tries.
        worth: what answers are worth in dollars; with a value of a right one `wrong` follows from it, and tries have
            their price.
        bills: the ledger's sums over this experiment by phase, role and model.
        without: the same plans on the same questions without the offline work that `outcomes` use.
        offline_usd: what that work cost once, in dollars.
        seed: seed of every bootstrap and permutation.
        provenance: machine, date, seed, versions and prices, to be shown.

    Returns:
        The report.

    Raises:
        UsageError: `wrong`, a worth or `offline_usd` is out of range, or no plan is in `outcomes` and `without`.

    Example:
        >>> right = Outcome("sums", "m", "single", "q1", True, 1.0, cost_nusd=2_000)
        >>> print(summarise([right], seed=1).markets[0].buys[1].low_usd)
        2e-06
    """
    worth.checked()
    found = cells(outcomes, seed=seed)
    once = list({(s.task, s.model): s for s in reversed(samples)}.values())[::-1]
    return Report(
        cells=tuple(found),
        pools=tuple(replace(p, accuracy_Q=()) for p in pools),
        comparisons=tuple(comparisons(outcomes, found, seed=seed)),
        markets=tuple(markets(outcomes, found, pools, worth=worth, seed=seed)),
        provenance=provenance or Provenance(),
        by_question=tuple(costs_by_question(outcomes, once, seed=seed)),
        more_samples=tuple(more_samples(once, pools, seed=seed)),
        checked=tuple(
            checked_tries(samples, wrong=_in_worths(worth, wrong), value_usd=worth.value_usd, seed=seed)
        ),
        stated=tuple(stated_beliefs(outcomes)),
        verifying=tuple(verifying(samples, seed=seed)),
        spending=tuple(spendings(bills)),
        amortised=tuple(amortised(outcomes, without, offline_usd, seed=seed)) if without else (),
    )


def _in_worths(worth: Worth, wrong: float) -> float:
    """What a wrong answer costs, in worths of a right one."""
    return worth.wrong_usd / worth.value_usd if worth.value_usd else wrong
