"""For which worth of a right answer each plan is the best buy."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.economics.frontier import frontier
from outlay.errors import UsageError


class WorthRange(Struct, frozen=True):
    """The plan that maximises worth * accuracy - cost for every worth from `low` up to `high`.

    `plan` is its index, None for buying nothing. `low` is the break-even worth against the plan of the range
    before; `high` of the last range is infinite.
    """

    plan: int | None
    low: float
    high: float


def worth_ranges(cost_P: Sequence[float], accuracy_P: Sequence[float]) -> tuple[WorthRange, ...]:
    """The upper concave envelope of (cost, accuracy) with "buy nothing" at (0, 0), as ranges of worth.

    A right answer is worth V, a wrong one nothing: the net value V * accuracy - cost is linear in V, so its
    maximum over plans runs along the envelope. Between neighbours the break-even is (cost_2 - cost_1) /
    (accuracy_2 - accuracy_1): what one more right answer costs. Plans below the envelope are best for no worth,
    even on the Pareto frontier. At a break-even both neighbours are best. A free plan that is ever right leaves
    no range for nothing.

    Args:
        cost_P: expected cost a question of each plan, finite, from 0, any unit; worth is in the same unit.
        accuracy_P: accuracy of each plan, in [0, 1].

    Returns:
        Ranges from 0 to infinity without gaps, by rising cost.

    Raises:
        UsageError: unequal lengths, a negative cost, or something is not a number.

    Source:
        Parametric linear optimisation over a lower envelope of lines.

    Example:
        >>> for r in worth_ranges([1.0, 2.0, 4.0], [0.5, 0.6, 1.0]):
        ...     print(r.plan, r.low, r.high)
        None 0.0 2.0
        0 2.0 6.0
        2 6.0 inf
    """
    if any(cost < 0 for cost in cost_P):
        raise UsageError("a cost is never negative")
    envelope = [_Entry(None, 0.0, 0.0, 0.0)]
    for i in frontier(cost_P, accuracy_P):
        if accuracy_P[i] <= 0:
            continue
        low = 0.0
        while envelope and (low := envelope[-1].break_even(cost_P[i], accuracy_P[i])) <= envelope[-1].low:
            envelope.pop()
        envelope.append(_Entry(i, cost_P[i], accuracy_P[i], low))
    highs = [entry.low for entry in envelope[1:]] + [float("inf")]
    return tuple(WorthRange(entry.plan, entry.low, high) for entry, high in zip(envelope, highs, strict=True))


def best_buy(ranges: Sequence[WorthRange], worth: float) -> int | None:
    """The plan to buy for that worth of a right answer, None for nothing; at a break-even the dearer one.

    Args:
        ranges: from `worth_ranges`.
        worth: what a right answer is worth, from 0, in the unit of the costs.

    Returns:
        The plan's index or None.

    Example:
        >>> best_buy(worth_ranges([1.0, 4.0], [0.5, 1.0]), 3.0)
        0
    """
    return next((r.plan for r in reversed(ranges) if worth >= r.low), None)


class _Entry(Struct, frozen=True):
    plan: int | None
    cost: float
    accuracy: float
    low: float

    def break_even(self, cost: float, accuracy: float) -> float:
        """The worth from which a dearer, more accurate plan is the better buy."""
        return (cost - self.cost) / (accuracy - self.accuracy)
