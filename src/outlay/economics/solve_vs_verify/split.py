"""The best purchase of a budget: vote over solutions, or check fewer of them."""

from __future__ import annotations

from math import floor

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from outlay.economics.solve_vs_verify.checker import Checker
from outlay.economics.solve_vs_verify.price import split_cost
from outlay.economics.solve_vs_verify.success import checked_success, voted_success
from outlay.errors import UsageError


class Split(Struct, frozen=True):
    """So many solutions, each checked so often (0: vote over them), at that cost, right that often."""

    solutions: int
    checks: int
    cost: float
    success: float


def best_split(
    p_right_Q: ArrayLike,
    wrong_W: ArrayLike,
    checker: Checker,
    budget: float,
    *,
    check_cost: float,
    most_checks: int = 32,
    seed: int,
) -> tuple[Split, Split | None]:
    """The vote that the budget buys, and the best checked split that costs more than half of it.

    Compare their `success`: whichever is higher is the purchase. Numbers of solutions and checks are powers of
    two, as in the paper, so a split may leave up to half of the budget; the vote takes floor(budget) solutions.

    Args:
        p_right_Q: chance that a solution is right, of each question.
        wrong_W: how wrong solutions spread over wrong answers (weights).
        checker: accept rates and correlations, as `verifier_audit` measures them.
        budget: C, in units of one solution, from 1.
        check_cost: lambda, the cost of a check over that of a solution, above 0.
        most_checks: the most checks of one solution, from 1.
        seed: seed of the vote's simulation.

    Returns:
        The vote and the checked split; None where the budget buys no checked solution.

    Raises:
        UsageError: an argument is out of range.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), compute-matched comparison, section
        4; the window (C / 2, C] is our choice.

    Example:
        >>> vote, checked = best_split([0.3] * 9, [1.0], Checker(0.9, 0.1), 8, check_cost=1.0, seed=1)
        >>> (vote.solutions, checked.solutions, checked.checks)
        (8, 4, 1)
    """
    if not 1 <= budget < np.inf or not 0 < check_cost < np.inf or most_checks < 1:
        raise UsageError("the budget must be 1 or more, a check must cost something, and checks be 1 or more")
    solutions = floor(budget)
    voted = float(voted_success(p_right_Q, wrong_W, solutions, seed=seed).mean())
    best: Split | None = None
    for s in _powers(solutions):
        for v in _powers(most_checks):
            cost = float(split_cost(s, v, check_cost))
            if not budget / 2 < cost <= budget:
                continue
            success = float(checked_success(p_right_Q, checker, s, v).mean())
            if best is None or success > best.success:
                best = Split(s, v, cost, success)
    return Split(solutions, 0, float(solutions), voted), best


def _powers(most: int) -> list[int]:
    return [1 << i for i in range(most.bit_length())]
