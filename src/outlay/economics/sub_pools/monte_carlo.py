"""Expectations over random sub-pools, with their standard error, where no closed form is practical."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.sub_pools._tally import budgets, one_hot, scores, tally
from outlay.stats.majority_threshold import majority_threshold

Floats = NDArray[np.float64]
DRAWS = 128
"""Random orders of a question's samples; the first k of an order are its sub-pool of k."""
CHUNK = 4_000_000
"""Numbers held at once, so that memory stays flat."""


class Estimate(Struct, frozen=True):
    """A Monte Carlo mean with its standard error, one row a question and one column a budget.

    The budgets share their random orders, so columns are correlated; rows are independent.
    """

    value_QK: NDArray[np.float64]
    error_QK: NDArray[np.float64]

    @property
    def mean_K(self) -> NDArray[np.float64]:
        """The mean over questions."""
        return self.value_QK.mean(axis=0)

    @property
    def mean_error_K(self) -> NDArray[np.float64]:
        """The Monte Carlo standard error of the mean over questions (not its sampling error)."""
        return np.sqrt((self.error_QK**2).sum(axis=0)) / len(self.error_QK)


def weighted(
    class_QS: ArrayLike,
    correct_QS: ArrayLike,
    score_QS: ArrayLike,
    ks: Sequence[int],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Estimate:
    """The chance, by Monte Carlo, that the class of greatest score sum in a sub-pool is right, ties shared.

    Args:
        class_QS: answer class of each sample, -1 for what cannot vote.
        correct_QS: whether each sample is right.
        score_QS: the verdict score of each sample, in [0, 1]; those of non-voters are not read.
        ks: the sub-pool sizes, each 1 … n.
        seed: seed of the random orders.
        draws: random orders a question, from 2.

    Returns:
        The estimate; its error is at most 0.5 / sqrt(draws - 1) a question.

    Raises:
        UsageError: a budget is out of range, or a voter has no finite score.

    Source:
        Expectation of `selection.weighted`.

    Example:
        >>> print(weighted([[0, 1, 1]], [[1, 0, 0]], [[0.9, 0.3, 0.3]], [3], seed=1).value_QK)
        [[1.]]
    """

    def rank(count: Floats, total: Floats, k: int) -> list[Floats]:
        return [total]

    return _estimate(class_QS, correct_QS, score_QS, ks, rank, seed, draws)


def best_of_majority(
    class_QS: ArrayLike,
    correct_QS: ArrayLike,
    score_QS: ArrayLike,
    ks: Sequence[int],
    *,
    alpha: float | None = None,
    seed: int,
    draws: int = DRAWS,
) -> Estimate:
    """The chance, by Monte Carlo, that one answer by best-of-majority on a sub-pool is right, ties shared.

    Args:
        class_QS: answer class of each sample, -1 for what cannot vote.
        correct_QS: whether each sample is right.
        score_QS: the verdict score of each sample, in [0, 1]; those of non-voters are not read.
        ks: the sub-pool sizes, each 1 … n.
        alpha: the least share of the k samples that keeps a class; None takes `majority_threshold(k)`.
        seed: seed of the random orders.
        draws: random orders a question, from 2.

    Returns:
        The estimate; its error is at most 0.5 / sqrt(draws - 1) a question.

    Raises:
        UsageError: a budget is out of range, or a voter has no finite score.

    Source:
        Expectation of `selection.best_of_majority` with one candidate returned.

    Example:
        >>> print(best_of_majority([[0, 0, 1]], [[1, 1, 0]], [[0.1, 0.1, 1.0]], [3], seed=1).value_QK)
        [[1.]]
    """

    def rank(count: Floats, total: Floats, k: int) -> list[Floats]:
        least = (majority_threshold(k) if alpha is None else alpha) * k - 1e-9
        kept = count >= least
        return [kept.astype(float), np.where(kept, total / np.maximum(count, 1), 0.0), count]

    return _estimate(class_QS, correct_QS, score_QS, ks, rank, seed, draws)


Rank = Callable[[Floats, Floats, int], list[Floats]]
"""From counts and score sums by class in sub-pools of k: what decides, the weightiest first."""


def _estimate(
    class_QS: ArrayLike,
    correct_QS: ArrayLike,
    score_QS: ArrayLike,
    ks: Sequence[int],
    rank: Rank,
    seed: int,
    draws: int,
) -> Estimate:
    votes = tally(class_QS, correct_QS)
    questions, samples = votes.class_QS.shape
    ks = budgets(ks, samples)
    score = scores(votes.class_QS, score_QS)
    hot_QSC = one_hot(votes.class_QS)
    value, error = np.empty((questions, len(ks))), np.empty((questions, len(ks)))
    rng = np.random.default_rng(seed)
    for q in _chunks(questions, draws * max(samples, hot_QSC.shape[2])):
        order_QDS = rng.random((len(hot_QSC[q]), draws, samples)).argsort(axis=2).argsort(axis=2)
        for column, k in enumerate(ks):
            within = (order_QDS < k).astype(float)
            count, total = within @ hot_QSC[q], within @ (hot_QSC[q] * score[q][:, :, None])
            right_QD = _winners_right(count, rank(count, total, k), votes.right_QC[q])
            value[q, column] = right_QD.mean(axis=1)
            error[q, column] = right_QD.std(axis=1, ddof=1) / np.sqrt(draws)
    return Estimate(value, error)


def _winners_right(count_QDC: Floats, keys: list[Floats], right_QC: Floats) -> Floats:
    """The mean rightness of the classes that are first by the keys; 0 in a sub-pool without voters."""
    ahead = count_QDC > 0
    for key in keys:
        best = np.where(ahead, key, -np.inf).max(axis=2, keepdims=True)
        ahead &= key >= best - 1e-12
    return (ahead * right_QC[:, None, :]).sum(axis=2) / np.maximum(ahead.sum(axis=2), 1)


def _chunks(questions: int, size_of_one: int) -> Iterator[slice]:
    step = max(1, CHUNK // size_of_one)
    return (slice(start, start + step) for start in range(0, questions, step))
