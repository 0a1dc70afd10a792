"""The plans that no other plan beats in both cost and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from outlay.errors import UsageError


def frontier(cost_P: Sequence[float], accuracy_P: Sequence[float]) -> tuple[int, ...]:
    """The indices of the Pareto points: no other plan costs at most as much and is right at least as often.

    Of plans equal in both the first is kept. Adding plans never lowers the best accuracy at any cost.

    Args:
        cost_P: cost of each plan, finite, any unit.
        accuracy_P: accuracy of each plan, in [0, 1].

    Returns:
        Indices by rising cost, which is rising accuracy too; empty for no plans.

    Raises:
        UsageError: unequal lengths, or something is not a number.

    Example:
        >>> frontier([1.0, 2.0, 3.0], [0.5, 0.4, 0.8])
        (0, 2)
    """
    if len(accuracy_P) != len(cost_P) or any(map(isnan, (*cost_P, *accuracy_P))):
        raise UsageError("every plan needs a cost and an accuracy; leave out plans of which one is not known")
    order = sorted(range(len(cost_P)), key=lambda i: (cost_P[i], -accuracy_P[i], i))
    kept: list[int] = []
    for i in order:
        if not kept or accuracy_P[i] > accuracy_P[kept[-1]]:
            kept.append(i)
    return tuple(kept)


def cheapest(cost_P: Sequence[float], accuracy_P: Sequence[float], at_least: float) -> int | None:
    """The index of the cheapest plan that is right at least that often, or None.

    Args:
        cost_P: cost of each plan, finite.
        accuracy_P: accuracy of each plan.
        at_least: the accuracy asked for.

    Returns:
        The index; of equally cheap plans the more accurate.

    Example:
        >>> cheapest([1.0, 2.0, 3.0], [0.5, 0.4, 0.8], 0.6)
        2
    """
    return next((i for i in frontier(cost_P, accuracy_P) if accuracy_P[i] >= at_least), None)
