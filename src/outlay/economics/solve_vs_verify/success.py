"""How often voting and checked solutions are right, from accuracies and a checker."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.solve_vs_verify.checker import Checker
from outlay.errors import UsageError


def checked_success(p_right_Q: ArrayLike, checker: Checker, solutions: int, checks: int) -> NDArray[np.float64]:
    """sum_v (F(v)^S - F(v - 1)^S) p f_1(v) / f(v): the solution with most accepts of V is right, exactly.

    f = p f_1 + (1 - p) f_0 is the law of the accepts of a random solution, F its distribution. Solutions that tie
    for the top are chosen evenly. V = 0 is a random solution.

    Args:
        p_right_Q: chance that a solution is right, of each question, in [0, 1].
        checker: accept rates and correlations.
        solutions: S, from 1.
        checks: V, from 0.

    Returns:
        One chance a question.

    Raises:
        UsageError: an argument is out of range.

    Source:
        When To Solve, When To Verify, Singhi et al. 2025 (arXiv 2504.01005), generative verifier with best-of-n by
        mean verdict; the closed form and the Beta-binomial verdicts are ours.

    Example:
        >>> print(checked_success([0.5], Checker(0.9, 0.1), 2, 1).round(4))
        [0.7]
    """
    p = _accuracies(p_right_Q)
    if solutions < 1:
        raise UsageError(f"solutions must be 1 or more, not {solutions}")
    right_QV = p[:, None] * checker.accepts(checks, right=True)
    law_QV = right_QV + (1 - p[:, None]) * checker.accepts(checks, right=False)
    below_QV = np.minimum(np.cumsum(law_QV, axis=1), 1.0) ** solutions
    top_QV = np.diff(below_QV, axis=1, prepend=0.0)
    share_QV = np.divide(right_QV, law_QV, out=np.zeros_like(law_QV), where=law_QV > 0)
    return (top_QV * share_QV).sum(axis=1)


def voted_success(
    p_right_Q: ArrayLike, wrong_W: ArrayLike, solutions: int, *, seed: int, draws: int = 64
) -> NDArray[np.float64]:
    """How often the most frequent of S answers is right, ties shared; the mean of random pools.

    Args:
        p_right_Q: chance that a solution is right, of each question, in [0, 1].
        wrong_W: how wrong solutions spread over wrong answers; weights, need not sum to 1.
        solutions: S, from 1.
        seed: seed of the pools.
        draws: pools a question, from 1; the mean over Q questions has a standard error below
            1 / (2 sqrt(draws Q)).

    Returns:
        One estimate a question.

    Raises:
        UsageError: an argument is out of range.

    Source:
        Self-consistency under a multinomial law. On recorded pools `sub_pools.vote` is exact.

    Example:
        >>> print(voted_success([1.0, 0.0], [1.0], 3, seed=1))
        [1. 0.]
    """
    p, wrong = _accuracies(p_right_Q), np.asarray(wrong_W, float)
    if solutions < 1 or draws < 1:
        raise UsageError("solutions and draws must be 1 or more")
    if wrong.ndim != 1 or not (np.isfinite(wrong).all() and (wrong >= 0).all() and wrong.sum() > 0):
        raise UsageError("the weights of the wrong answers must be finite, not negative, and not all 0")
    law_QA = np.column_stack([p, (1 - p)[:, None] * (wrong / wrong.sum())])
    count_DQA = np.random.default_rng(seed).multinomial(solutions, law_QA, size=(draws, len(p)))
    top_DQA = count_DQA == count_DQA.max(axis=2, keepdims=True)
    return (top_DQA[:, :, 0] / top_DQA.sum(axis=2)).mean(axis=0)


def _accuracies(p_right_Q: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(p_right_Q, float)
    if p.ndim != 1 or not p.size or not ((p >= 0) & (p <= 1)).all():
        raise UsageError("the accuracies must be one probability a question, at least one")
    return p
