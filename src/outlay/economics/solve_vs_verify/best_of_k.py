"""Best of k from n scored solutions, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.sub_pools._ranked import best_ranked
from outlay.errors import UsageError


def best_of_k(correct_QS: ArrayLike, score_QS: ArrayLike, ks: Sequence[int]) -> NDArray[np.float64]:
    """sum_{i = 0}^{n - k} correct_(i) C(n - 1 - i, k - 1) / C(n, k): the best-scored of k solutions is right.

    correct_(i) is the i-th best solution's flag. The expectation over all sub-pools of k; solutions that tie in
    score are chosen evenly. Solutions without an answer are ranked too, where `sub_pools.best_of` leaves them out.

    Args:
        correct_QS: whether each solution is right.
        score_QS: the score of each, finite; the mean verdict. Solutions without an answer take score 0.
        ks: sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, sizes), in [0, 1].

    Raises:
        UsageError: shapes differ, a size is out of range, or a score is not finite.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), official code; it averages 100
        shuffles of ties, here tied solutions share their mean flag, which is that average's limit.

    Example:
        >>> print(best_of_k([[0, 1, 1, 0]], [[4, 3, 2, 1]], [1, 2, 3, 4]))
        [[0.5  0.5  0.25 0.  ]]
    """
    correct, score = np.asarray(correct_QS, float), np.asarray(score_QS, float)
    if correct.ndim != 2 or correct.shape != score.shape or not correct.size:
        raise UsageError("correct_QS and score_QS need the same shape (questions, solutions), not empty")
    if not (np.isfinite(score).all() and ((correct >= 0) & (correct <= 1)).all()):
        raise UsageError("every solution needs a finite score and a flag between 0 and 1")
    n = correct.shape[1]
    if not ks or min(ks) < 1 or max(ks) > n:
        raise UsageError(f"the sizes must lie between 1 and the {n} solutions, not {list(ks)}")
    return best_ranked(correct, score, ks)
