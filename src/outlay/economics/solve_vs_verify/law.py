"""The power law between a budget and its best split, and the split that it prescribes."""

from __future__ import annotations

from math import floor

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from outlay.errors import UsageError
from outlay.stats.interval import Interval


class SplitLaw(Struct, frozen=True):
    """S = alpha_solutions C^a and V = alpha_checks C^b, C the budget in solutions.

    `budgets` is the range that was fitted; a split beyond it is an extrapolation. The intervals are those of the
    exponents.
    """

    alpha_solutions: float
    a: float
    alpha_checks: float
    b: float
    a_interval: Interval
    b_interval: Interval
    budgets: tuple[float, float]


class LawSplit(Struct, frozen=True):
    """A split with its cost; `extrapolated`: the budget lies outside the fitted range."""

    solutions: int
    checks: int
    cost: float
    extrapolated: bool


def fit_split_law(
    budget_B: ArrayLike, solutions_B: ArrayLike, checks_B: ArrayLike, *, level: float = 0.95
) -> SplitLaw:
    """Least squares of ln S on ln C and of ln V on ln C over the best splits of several budgets.

    The exponents' intervals are Student's; best splits lie on a grid, so few budgets make them wide.

    Args:
        budget_B: budgets C, above 0, at least 3 different ones.
        solutions_B: best numbers of solutions, above 0.
        checks_B: best numbers of checks, above 0.
        level: coverage of the intervals.

    Returns:
        The law. Checking pays as budgets grow where b > 0; solutions should grow faster where a > b.

    Raises:
        UsageError: fewer than 3 different budgets, or a number that is not above 0.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), section 5.2 (a = 0.57, b = 0.39 for
        Llama-3.1-8B; 0.75, 0.32; 0.69, 0.43). The factors were not found, so fit your own.

    Example:
        >>> law = fit_split_law([4, 16, 64], [2, 4, 8], [1, 2, 4])
        >>> print(round(law.a, 3), round(law.b, 3), round(law.alpha_checks, 3))
        0.5 0.5 0.5
    """
    budget, solutions, checks = (np.asarray(x, float) for x in (budget_B, solutions_B, checks_B))
    if budget.ndim != 1 or not budget.shape == solutions.shape == checks.shape or len(set(budget.tolist())) < 3:
        raise UsageError(
            "the law cannot be said from this data: it needs the best splits of 3 different budgets"
        )
    if not all((x > 0).all() and np.isfinite(x).all() for x in (budget, solutions, checks)):
        raise UsageError(
            "budgets, solutions and checks must be above 0: leave out budgets where voting is best"
        )
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    alpha_s, a, a_interval = _line(np.log(budget), np.log(solutions), level)
    alpha_v, b, b_interval = _line(np.log(budget), np.log(checks), level)
    return SplitLaw(alpha_s, a, alpha_v, b, a_interval, b_interval, (float(budget.min()), float(budget.max())))


def split_by_law(law: SplitLaw, budget: float, *, check_cost: float, cross_over: float = 0.0) -> LawSplit:
    """S = round(alpha_S C^a) and V = round(alpha_V C^b), shrunk in proportion until S (1 + lambda V) <= C.

    Below the measured cross-over, and where V rounds to 0, it is a vote over floor(C) solutions.

    Args:
        law: from `fit_split_law`.
        budget: C, in units of one solution, from 1.
        check_cost: lambda, the cost of a check over that of a solution, above 0.
        cross_over: the budget from which checking beat voting on your data.

    Returns:
        A split within the budget.

    Raises:
        UsageError: an argument is out of range.

    Source:
        Own choice: the paper gives the law, not a planner.

    Example:
        >>> law = fit_split_law([4, 16, 64], [2, 4, 8], [1, 2, 4])
        >>> split_by_law(law, 64, check_cost=1.0)
        LawSplit(solutions=8, checks=4, cost=40.0, extrapolated=False)
    """
    if not 1 <= budget < np.inf or not 0 < check_cost < np.inf:
        raise UsageError("the budget must be 1 or more, and a check must cost something")
    extrapolated = not law.budgets[0] <= budget <= law.budgets[1]
    s, v = law.alpha_solutions * budget**law.a, law.alpha_checks * budget**law.b
    shrink = 1.0
    while True:
        solutions, checks = max(1, round(s * shrink)), round(v * shrink)
        if checks < 1 or budget < cross_over:
            return LawSplit(floor(budget), 0, float(floor(budget)), extrapolated)
        cost = solutions * (1 + check_cost * checks)
        if cost <= budget:
            return LawSplit(solutions, checks, cost, extrapolated)
        shrink *= 0.98


def _line(x: NDArray[np.float64], y: NDArray[np.float64], level: float) -> tuple[float, float, Interval]:
    """The factor exp(intercept), the slope and its interval."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    intercept = float(y.mean() - slope * x.mean())
    spare = len(x) - 2
    left = y - intercept - slope * x
    error = float(np.sqrt(left @ left / spare / (centred @ centred)))
    half = float(stdtrit(spare, (1 + level) / 2)) * error
    return float(np.exp(intercept)), slope, Interval(slope - half, slope + half, level)
