"""What solutions and checks cost together, and how many independent checks correlated ones amount to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


def split_cost(solutions: ArrayLike, checks: ArrayLike, check_cost: float) -> NDArray[np.float64]:
    """C(S, V) = S (1 + lambda V), in units of one solution.

    Args:
        solutions: S, from 0; any shape.
        checks: V, checks of each solution, from 0; broadcasts. 0 is plain voting.
        check_cost: lambda, the cost of one check over that of one solution, from 0. Measure it: a check reads the
            question and the solution again.

    Returns:
        The cost.

    Raises:
        UsageError: a negative number.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), section 3; there lambda is the ratio
        of output tokens and prompts are free.

    Example:
        >>> print(split_cost([16, 4, 4, 2], [0, 3, 1, 3], 1.0))
        [16. 16.  8.  8.]
    """
    s, v = np.asarray(solutions, float), np.asarray(checks, float)
    if not ((s >= 0).all() and (v >= 0).all() and 0 <= check_cost < np.inf):
        raise UsageError("solutions, checks and the cost of a check must not be negative")
    return s * (1.0 + check_cost * v)


def effective_checks(checks: ArrayLike, correlation: float) -> NDArray[np.float64]:
    """V / (1 + (V - 1) rho): the independent checks whose mean varies as much as that of V correlated ones.

    Args:
        checks: V, from 1; any shape.
        correlation: rho, of repeats of a check on one solution, in [0, 1].

    Returns:
        From 1 (rho = 1) to V (rho = 0); never more than 1 / rho.

    Raises:
        UsageError: an argument is out of range.

    Source:
        Design effect of clustered samples, Kish 1965, section 5.4.

    Example:
        >>> print(effective_checks([1, 8, 32], 0.7).round(3))
        [1.    1.356 1.41 ]
    """
    v = np.asarray(checks, float)
    if not ((v >= 1).all() and 0 <= correlation <= 1):
        raise UsageError("checks must be 1 or more and the correlation between 0 and 1")
    return v / (1.0 + (v - 1.0) * correlation)
