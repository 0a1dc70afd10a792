"""A budget over parts of a question whose uncertainty falls as a power of what each part gets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError

Floats = NDArray[np.float64]


def remaining(uncertainty_J: ArrayLike, decay_J: ArrayLike, budget_J: ArrayLike) -> float:
    """sum_j c_j b_j^(-a_j): the uncertainty left when part j gets b_j.

    Args:
        uncertainty_J: c_j, uncertainty of each part at a budget of 1, above 0.
        decay_J: a_j, how fast it falls, from 0; 0 is a part that no budget helps.
        budget_J: b_j, from 0, any unit.

    Returns:
        The sum; infinite if a part that a budget would help gets none.

    Raises:
        UsageError: shapes differ or a number is out of range.

    Source:
        Plan and Budget (arXiv 2505.16122), Bayesian budget allocation, objective; the part that no budget lowers
        is left out.

    Example:
        >>> remaining([1.0, 2.0], [1.0, 1.0], [2.0, 4.0])
        1.0
    """
    c, a = _parts(uncertainty_J, decay_J)
    b = np.asarray(budget_J, float)
    if b.shape != c.shape or not (b >= 0).all():
        raise UsageError("every part needs a budget that is not negative")
    with np.errstate(divide="ignore"):
        return float((c * b**-a).sum())


def shares(uncertainty_J: ArrayLike, decay_J: ArrayLike, budget: float) -> Floats:
    """The b_j that minimise sum_j c_j b_j^(-a_j) under sum_j b_j = B: b_j = (c_j a_j / lambda)^(1 / (a_j + 1)).

    lambda by bisection of its logarithm until the sum is B: the sum falls monotonically in it. Scaling all c_j
    changes nothing; one part gets B.

    Args:
        uncertainty_J: c_j, above 0.
        decay_J: a_j, from 0, at least one above 0.
        budget: B, above 0.

    Returns:
        One budget a part, summing to B; 0 where a_j is 0.

    Raises:
        UsageError: a number is out of range, or no part is helped by a budget.

    Source:
        Plan and Budget (arXiv 2505.16122), its problem solved exactly (ours); the printed closed form is
        `shares_as_printed`.

    Example:
        >>> print(shares([1.0, 4.0], [1.0, 1.0], 300.0).round(6))
        [100. 200.]
    """
    c, a = _parts(uncertainty_J, decay_J)
    _budget(a, budget)
    helped = a > 0
    log_ca, power, log_total = np.log(c[helped] * a[helped]), a[helped] + 1, float(np.log(budget))
    equal_share = log_ca - power * (log_total - np.log(helped.sum()))
    low, high = float(equal_share.min()), float(equal_share.max())
    for _ in range(200):
        middle = (low + high) / 2
        too_much = np.logaddexp.reduce((log_ca - middle) / power) > log_total
        low, high = (middle, high) if too_much else (low, middle)
    b = np.zeros_like(c)
    b[helped] = np.exp((log_ca - (low + high) / 2) / power)
    return b * (budget / b.sum())


def shares_as_printed(uncertainty_J: ArrayLike, decay_J: ArrayLike, budget: float) -> Floats:
    """b_j = B (c_j a_j)^(1 / (a_j + 1)) / sum_k (c_k a_k)^(1 / (a_k + 1)): the paper's closed form.

    Optimal only where all a_j are equal; elsewhere it can be worse than equal shares and changes when all c_j are
    scaled. Use `shares`; this one is for the paper's figures.

    Args:
        uncertainty_J: c_j, above 0.
        decay_J: a_j, from 0, at least one above 0.
        budget: B, above 0.

    Returns:
        One budget a part, summing to B.

    Raises:
        UsageError: a number is out of range, or no part is helped by a budget.

    Source:
        Plan and Budget (arXiv 2505.16122), closed form of its Bayesian budget allocation.

    Example:
        >>> print(shares_as_printed([1.0, 4.0], [1.0, 1.0], 300.0).round(6))
        [100. 200.]
    """
    c, a = _parts(uncertainty_J, decay_J)
    _budget(a, budget)
    weight = (c * a) ** (1 / (a + 1))
    return budget * weight / weight.sum()


def _parts(uncertainty_J: ArrayLike, decay_J: ArrayLike) -> tuple[Floats, Floats]:
    c, a = np.asarray(uncertainty_J, float), np.asarray(decay_J, float)
    if c.ndim != 1 or not c.size or c.shape != a.shape:
        raise UsageError("every part needs an uncertainty and a decay, and there must be a part")
    if not ((c > 0) & np.isfinite(c) & (a >= 0) & np.isfinite(a)).all():
        raise UsageError("uncertainties must be above 0 and decays not negative, all finite")
    return c, a


def _budget(a: Floats, budget: float) -> None:
    if not 0 < budget < np.inf:
        raise UsageError(f"the budget must be finite and above 0, not {budget}")
    if not a.any():
        raise UsageError("the shares cannot be said: no part is helped by a budget (all decays are 0)")
