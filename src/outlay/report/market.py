"""Which plan to buy for which worth of a right answer: the plans that compete on the same questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

from msgspec import Struct

from outlay.economics.frontier import frontier
from outlay.economics.worth import worth_ranges
from outlay.policies._worth import MONEY_ALONE, Worth
from outlay.report.cells import Cell, Key, by_cell, right_by_question
from outlay.report.comparisons import SIGNIFICANT, compare
from outlay.report.offer import Offer, offers_of_cells, offers_of_pools, without_repeats
from outlay.report.outcome import Outcome, PoolCell
from outlay.stats.paired import paired

SOURCES = ("live", "recorded", "pools")
"""Where offers come from, in the order in which reports show them."""


class Buy(Struct, frozen=True):
    """The best buy while a right answer is worth from `low_usd` up to `high_usd` (None: without end).

    `offer` indexes the market's offers, None is buying nothing. `established`: whether the questions show that
    it is righter than the buy before it; None where there is nothing to compare it with.
    """

    offer: int | None
    low_usd: float
    high_usd: float | None
    established: bool | None = None


class Market(Struct, frozen=True):
    """The offers on one task from one source, and which of them to buy when.

    `source`: `live`, `recorded` (strategies on recorded samples) or `pools` (expectations over sub-pools).
    `frontier` and `buys` index `offers`. Oracle plans are in `oracles` and never compete.
    """

    task: str
    source: str
    questions: int
    offers: tuple[Offer, ...]
    frontier: tuple[int, ...]
    buys: tuple[Buy, ...]
    oracles: tuple[Offer, ...] = ()
    left_out: tuple[str, ...] = ()
    """One sentence for each plan that could not compete."""
    worth: Worth = MONEY_ALONE
    """What wrong answers and waiting cost: the ranges of worth are along accuracy and burden."""

    @property
    def bought(self) -> list[Offer]:
        """The offers that are the best buy for some worth, by rising cost."""
        return [self.offers[b.offer] for b in self.buys if b.offer is not None]

    @property
    def several_models(self) -> bool:
        """Whether plans need their model's name to be told apart."""
        return len({o.model for o in (*self.offers, *self.oracles)}) > 1


def markets(
    outcomes: Sequence[Outcome],
    found: Sequence[Cell],
    pools: Sequence[PoolCell] = (),
    *,
    worth: Worth = MONEY_ALONE,
    seed: int,
) -> list[Market]:
    """One market per source and task; plans compete only where they answered the same questions.

    Of several sets of questions the one that most plans answered is taken (then the larger one); the other
    plans, and those without a known price, are left out with a sentence. Recorded pools carry no questions, so
    they compete where they have the same number of them. Nothing left to compete: a market without offers.

    Args:
        outcomes: as given to `cells`.
        found: the cells of these outcomes.
        pools: recorded pools under selections.
        worth: what a wrong answer and a second of waiting cost; its value of a right answer is not used.
        seed: seed of the paired comparisons between neighbouring buys.

    Returns:
        Markets, live ones first, in the order of first appearance.
    """
    right = {key: right_by_question(of) for key, of in by_cell(outcomes).items()}
    result = [
        _of_cells(task, source, [c for c in found if (c.source, c.task) == (source, task)], right, worth, seed)
        for source, task in dict.fromkeys((c.source, c.task) for c in found)
    ]
    result += [
        _of_pools(task, [p for p in pools if p.task == task], worth, seed)
        for task in dict.fromkeys(p.task for p in pools)
    ]
    return sorted(result, key=lambda m: SOURCES.index(m.source))


def _of_cells(
    task: str,
    source: str,
    group: Sequence[Cell],
    right: Mapping[Key, Mapping[str, float]],
    worth: Worth,
    seed: int,
) -> Market:
    def righter(before: int, after: int) -> bool:
        step = compare(right, group[after].key, group[before].key, "baseline", seed=seed)
        return step is not None and step.established and step.difference > 0

    sets = [frozenset(right[c.key]) for c in group]
    return _market(task, source, offers_of_cells(group, worth), sets, worth, righter)


def _of_pools(task: str, pools: Sequence[PoolCell], worth: Worth, seed: int) -> Market:
    group = without_repeats(pools)

    def righter(before: int, after: int) -> bool:
        a, b = group[before], group[after]
        if not a.accuracy_Q or len(a.accuracy_Q) != len(b.accuracy_Q):
            return b.interval.low > a.interval.high
        step = paired(a.accuracy_Q, b.accuracy_Q, seed=seed)
        return step.p_value < SIGNIFICANT and step.interval.low > 0

    sets = [p.questions for p in group]
    return _market(task, "pools", offers_of_pools(group, worth), sets, worth, righter)


def _market(
    task: str,
    source: str,
    offers: Sequence[Offer],
    sets: Sequence[Hashable],
    worth: Worth,
    righter: Callable[[int, int], bool],
) -> Market:
    """`sets`: the questions of each offer; `righter`: whether the second of two offers is shown to be so."""
    rivals = [i for i, o in enumerate(offers) if not o.oracle]
    most = Counter(sets[i] for i in rivals)
    asked = {sets[i]: offers[i].questions for i in rivals}
    chosen = max(most, key=lambda s: (most[s], asked[s]), default=None)
    competing = [i for i in rivals if sets[i] == chosen and offers[i].burden_usd is not None]
    kept = [offers[i] for i in competing]
    costs, accuracies = [o.cost_usd or 0.0 for o in kept], [o.accuracy for o in kept]
    buys: list[Buy] = []
    for r in worth_ranges([o.burden_usd or 0.0 for o in kept], accuracies):
        before = buys[-1].offer if buys else None
        step = None
        if r.plan is not None and before is not None:
            step = righter(competing[before], competing[r.plan])
        buys.append(Buy(r.plan, r.low, r.high if r.high < float("inf") else None, step))
    return Market(
        task=task,
        source=source,
        questions=kept[0].questions if kept else 0,
        offers=tuple(kept),
        frontier=frontier(costs, accuracies),
        buys=tuple(buys),
        oracles=tuple(o for o in offers if o.oracle),
        left_out=tuple(_left_out(offers[i], sets[i] == chosen) for i in rivals if i not in competing),
        worth=worth,
    )


def _left_out(offer: Offer, same_questions: bool) -> str:
    if not same_questions:
        return (
            f"{offer.name} answered other questions ({offer.questions}), so it is not compared with the rest."
        )
    if offer.cost_usd is not None:
        return f"How long {offer.name} takes is not known, so it is not compared where waiting has a price."
    return f"{offer.name} has no known price, so it is not compared; state the price of {offer.model}."
