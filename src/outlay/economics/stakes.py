"""What a plan is worth when wrong answers and waiting cost something too, and where two plans break even."""

from __future__ import annotations

from math import inf, isfinite

from msgspec import Struct

from outlay.errors import UsageError


class Stakes(Struct, frozen=True):
    """What a right answer is worth, what a wrong one costs, and what a second of waiting costs, in dollars."""

    value_usd: float
    wrong_usd: float = 0.0
    usd_per_s: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) < inf:
                raise UsageError(f"{name} must be finite and not negative, not {getattr(self, name)}")


class Offered(Struct, frozen=True):
    """What a plan does per question: cost, chances of a right and of a wrong answer, and waiting.

    The two chances sum to less than 1 where the plan may give no answer, which is worth 0.
    """

    cost_usd: float
    p_right: float
    p_wrong: float = 0.0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.cost_usd < inf and 0 <= self.seconds < inf):
            raise UsageError("cost and seconds of a plan must be finite and not negative")
        if not (self.p_right >= 0 and self.p_wrong >= 0 and self.p_right + self.p_wrong <= 1 + 1e-9):
            raise UsageError(
                "the chances of a right and of a wrong answer must not be negative nor sum to more than 1"
            )


class BreakEven(Struct, frozen=True):
    """Where the second plan overtakes the first, or falls behind it, in each of the stakes; None: nowhere from 0."""

    value_usd: float | None
    wrong_usd: float | None
    usd_per_s: float | None


def full_cost(offer: Offered, stakes: Stakes) -> float:
    """What a plan costs with its wrong answers and its waiting: cost + wrong_usd P(wrong) + usd_per_s seconds.

    Hand it to `worth.worth_ranges` instead of the cost: the ranges then hold for these stakes.

    Args:
        offer: the plan.
        stakes: the buyer's; its `value_usd` is not read.

    Returns:
        Dollars a question.

    Source:
        Expected value with three linear stakes, stated by the buyer (ours).

    Example:
        >>> print(round(full_cost(Offered(0.01, 0.6, 0.4, seconds=5.0), Stakes(1.0, 0.5, 0.002)), 4))
        0.22
    """
    return offer.cost_usd + stakes.wrong_usd * offer.p_wrong + stakes.usd_per_s * offer.seconds


def net_value(offer: Offered, stakes: Stakes) -> float:
    """value_usd P(right) - wrong_usd P(wrong) - usd_per_s seconds - cost: below 0, not buying is better.

    Args:
        offer: the plan.
        stakes: the buyer's.

    Returns:
        Dollars a question.

    Source:
        As in `full_cost`.

    Example:
        >>> print(round(net_value(Offered(0.01, 0.6, 0.4), Stakes(1.0, wrong_usd=0.5)), 4))
        0.39
    """
    return stakes.value_usd * offer.p_right - full_cost(offer, stakes)


def break_even(first: Offered, second: Offered, stakes: Stakes) -> BreakEven:
    """The value of each stake, the others held, at which both plans have the same net value.

    Args:
        first: a plan; `Offered(0.0, 0.0)` is buying nothing.
        second: another plan.
        stakes: the buyer's.

    Returns:
        The break-evens, each None where the plans do not differ in what that stake prices or would have to be
        negative.

    Source:
        As in `full_cost`.

    Example:
        >>> cheap, dear = Offered(0.01, 0.6, 0.4), Offered(0.05, 0.8, 0.2)
        >>> print(round(break_even(cheap, dear, Stakes(0.1)).value_usd, 4))
        0.2
    """
    ahead = net_value(second, stakes) - net_value(first, stakes)
    return BreakEven(
        value_usd=_root(stakes.value_usd, ahead, second.p_right - first.p_right),
        wrong_usd=_root(stakes.wrong_usd, ahead, first.p_wrong - second.p_wrong),
        usd_per_s=_root(stakes.usd_per_s, ahead, first.seconds - second.seconds),
    )


def _root(now: float, ahead: float, slope: float) -> float | None:
    """Where a lead that is `ahead` now and grows by `slope` is 0."""
    if slope == 0:
        return None
    at = now - ahead / slope
    return at if isfinite(at) and at >= 0 else None
