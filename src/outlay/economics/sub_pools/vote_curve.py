"""Votes over many samples: exact for small sub-pools, by Monte Carlo with its error for large ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from outlay.economics.sub_pools.exact import vote
from outlay.economics.sub_pools.monte_carlo import Estimate, weighted

EXACT_SAMPLES, EXACT_K = 32, 16
"""Up to so many recorded samples every vote is exact; with more of them, votes of up to so many (our choice)."""
ERROR = 0.002
"""The largest Monte Carlo standard error of a mean over questions."""
LEAST_DRAWS = 16
"""Random orders a question, however many questions there are."""


def vote_curve(class_QS: ArrayLike, correct_QS: ArrayLike, ks: Sequence[int], *, seed: int) -> Estimate:
    """The chance that the majority vote of a sub-pool is right, ties shared: `vote`, at a cost that stays small.

    Exact, with an error of 0, for pools of at most 32 samples, for k up to 16, and for the whole pool. Between
    them, random orders; so many that the standard error of the mean over questions is at most 0.002.

    Args:
        class_QS: answer class of each sample, -1 for what cannot vote.
        correct_QS: whether each sample is right.
        ks: the sub-pool sizes, each 1 … n.
        seed: seed of the random orders.

    Returns:
        The estimate, shape (questions, budgets).

    Raises:
        UsageError: a budget is out of range.

    Cost:
        Time linear in questions.

    Source:
        As in `vote`; the exact counts grow with the square of k.

    Example:
        >>> found = vote_curve([[0] * 30 + [1] * 20] * 2, [[1] * 30 + [0] * 20] * 2, [1, 50], seed=1)
        >>> print(found.value_QK[0].round(4), found.error_QK.max())
        [0.6 1. ] 0.0
    """
    classes, correct = np.asarray(class_QS), np.asarray(correct_QS)
    questions, samples = classes.shape
    exact = [j for j, k in enumerate(ks) if samples <= EXACT_SAMPLES or k <= EXACT_K]
    drawn = [j for j in range(len(ks)) if j not in exact]
    value, error = np.zeros((questions, len(ks))), np.zeros((questions, len(ks)))
    if exact:
        value[:, exact] = vote(classes, correct, [ks[j] for j in exact])
    if drawn:
        draws = max(LEAST_DRAWS, ceil(0.25 / ERROR**2 / questions) + 1)
        found = weighted(
            classes, correct, np.ones(classes.shape), [ks[j] for j in drawn], seed=seed, draws=draws
        )
        value[:, drawn], error[:, drawn] = found.value_QK, found.error_QK
    return Estimate(value, error)
