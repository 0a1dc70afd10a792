"""What S recorded solutions with V checks each would have bought, on your own data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.solve_vs_verify.best_of_k import best_of_k
from outlay.errors import UsageError


def recorded_success(
    correct_QS: ArrayLike,
    accepts_QS: ArrayLike,
    checks_QS: ArrayLike,
    solutions: Sequence[int],
    checks: int,
    *,
    seed: int,
    draws: int = 32,
) -> NDArray[np.float64]:
    """How often the solution with the most accepts of V is right, over sub-pools of S solutions and V of their checks.

    Exact over the choice of solutions; the choice of checks is averaged over random draws, and not random at all
    where V is all of them. Set it beside `sub_pools.vote` at S (1 + lambda V) solutions: that is the comparison at
    equal cost, on the data that will decide.

    Args:
        correct_QS: whether each solution is right.
        accepts_QS: how many of its checks accepted it.
        checks_QS: how many checks it had, each from V.
        solutions: sizes S, each 1 … the recorded solutions.
        checks: V, from 1.
        seed: seed of the draws of checks.
        draws: draws, from 1; with d draws over Q questions their share of the standard error is below
            1 / (2 sqrt(d Q)).

    Returns:
        Shape (questions, sizes), in [0, 1].

    Raises:
        UsageError: shapes differ, a number is out of range, or a solution has fewer checks than V.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), sections 3 and 4; ties shared
        evenly.

    Example:
        >>> print(recorded_success([[1, 0, 0]], [[4, 2, 0]], [[4, 4, 4]], [1, 2, 3], 4, seed=1).round(4))
        [[0.3333 0.6667 1.    ]]
    """
    accepts, had = np.asarray(accepts_QS, float), np.asarray(checks_QS, float)
    if accepts.shape != had.shape or accepts.shape != np.shape(correct_QS) or not accepts.size:
        raise UsageError("flags, accepts and checks need the same shape (questions, solutions), not empty")
    whole = np.isfinite(accepts).all() and np.isfinite(had).all() and not ((accepts % 1) + (had % 1)).any()
    if not whole or not ((accepts >= 0) & (accepts <= had)).all():
        raise UsageError("accepts and checks must be whole numbers, with no more accepts than checks")
    if checks < 1 or draws < 1 or (had < checks).any():
        raise UsageError(
            f"every solution needs {max(checks, 1)} recorded checks or more, and draws must be 1 or more"
        )
    taken, left = accepts.astype(np.int64), (had - accepts).astype(np.int64)
    rng = np.random.default_rng(seed)
    rounds = 1 if (had == checks).all() else draws
    scored = (best_of_k(correct_QS, rng.hypergeometric(taken, left, checks), solutions) for _ in range(rounds))
    return sum(scored, np.zeros(1)) / rounds
