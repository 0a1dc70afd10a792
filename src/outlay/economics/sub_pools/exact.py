"""Exact expectations over sub-pools: coverage, votes and best of k."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.sub_pools._ranked import best_ranked
from outlay.economics.sub_pools._tally import budgets, scores, tally
from outlay.economics.sub_pools._ties import Factor, shared
from outlay.economics.sub_pools._ways import binomials, none_of
from outlay.errors import UsageError

Floats = NDArray[np.float64]


def pass_at_k(correct_QS: ArrayLike, ks: Sequence[int]) -> Floats:
    """1 - C(n - c, k) / C(n, k): the chance that a sub-pool holds a right sample.

    Args:
        correct_QS: whether each sample is right; every sample's flag counts, truncated ones included.
        ks: the sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, budgets), in [0, 1].

    Raises:
        UsageError: a budget is out of range.

    Source:
        `outlay.stats.pass_at_k`.

    Example:
        >>> print(pass_at_k([[1, 0, 0, 0]], [1, 2, 4]))
        [[0.25 0.5  1.  ]]
    """
    flags_QS = np.asarray(correct_QS)
    if flags_QS.ndim != 2 or (flags_QS.dtype.kind == "f" and np.isnan(flags_QS).any()):
        raise UsageError("pass@k needs a table of questions by samples, each right or wrong")
    correct = flags_QS.astype(bool)
    return 1.0 - none_of(correct.sum(axis=1), correct.shape[1], budgets(ks, correct.shape[1]))


def vote(class_QS: ArrayLike, correct_QS: ArrayLike, ks: Sequence[int]) -> Floats:
    """The chance that the majority vote of a sub-pool is right, ties shared evenly; no voters is wrong.

    Exact: for each winning count m, sub-pools in which no class exceeds m are counted by generating
    polynomials.

    Args:
        class_QS: answer class of each sample, -1 for what cannot vote.
        correct_QS: whether each sample is right.
        ks: the sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, budgets), in [0, 1].

    Raises:
        UsageError: a budget is out of range, or there are more than 1,000 samples a question.

    Source:
        Expectation of `selection.vote`; published work averages over random subsets (Brown et al. 2024, section
        4).

    Example:
        >>> print(vote([[0, 0, 1]], [[1, 1, 0]], [1, 2, 3]).round(4))
        [[0.6667 0.6667 1.    ]]
    """
    votes = tally(class_QS, correct_QS)
    samples = votes.class_QS.shape[1]
    ks = budgets(ks, samples)
    ways = binomials(samples, max(ks))
    order = np.argsort(-votes.count_QC, axis=1, kind="stable")
    count_QC = np.take_along_axis(votes.count_QC, order, axis=1)
    right_QC = np.take_along_axis(votes.right_QC, order, axis=1)
    total = np.zeros((len(count_QC), max(ks) + 1))
    for m in range(1, min(max(ks), int(count_QC.max(initial=0))) + 1):
        able_QC = count_QC >= m
        contenders = int(able_QC.sum(axis=1).max())
        rest_QK = ways[samples - (count_QC * able_QC).sum(axis=1)]
        total += shared(
            rest_QK, _reaching(m, count_QC[:, :contenders], right_QC, ways), min(contenders, max(ks) // m)
        )
    return _per_sub_pool(total, samples, ks)


def best_of(class_QS: ArrayLike, correct_QS: ArrayLike, score_QS: ArrayLike, ks: Sequence[int]) -> Floats:
    """The chance that the best-scored voter of a sub-pool is right, each of those that tie as likely.

    Args:
        class_QS: answer class of each sample, -1 for what cannot be chosen.
        correct_QS: whether each sample is right.
        score_QS: the score of each sample (a verdict, or a mean log-probability); those of non-voters are not
            read.
        ks: the sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, budgets), in [0, 1].

    Raises:
        UsageError: a budget is out of range, a voter has no finite score, or a question has over 1,000 samples.

    Source:
        Expectation of `selection.best_of` and `selection.likelihood`: the rank formula of best-of-n estimators.

    Example:
        >>> print(best_of([[0, 1, 2]], [[1, 0, 0]], [[0.9, 0.5, 0.1]], [1, 2]).round(4))
        [[0.3333 0.6667]]
    """
    votes = tally(class_QS, correct_QS)
    score_QS = np.where(votes.class_QS >= 0, scores(votes.class_QS, score_QS), -np.inf)
    return best_ranked(votes.value_QS, score_QS, budgets(ks, score_QS.shape[1]))


def _per_sub_pool(total_QK: Floats, samples: int, ks: list[int]) -> Floats:
    ways_K = binomials(samples, max(ks))[samples, ks]
    return np.minimum(total_QK[:, ks] / ways_K, 1.0)


def _reaching(m: int, count_QC: NDArray[np.int64], right_QC: Floats, ways: Floats) -> Iterator[Factor]:
    """Each class that can reach m votes: fewer than m, or exactly m; smaller classes are part of the rest."""
    for c in range(count_QC.shape[1]):
        able = count_QC[:, c] >= m
        fewer, exactly = np.zeros((len(able), m)), np.zeros((len(able), m + 1))
        fewer[:, 0] = 1.0
        fewer[able] = ways[count_QC[able, c], :m]
        exactly[able, m] = ways[count_QC[able, c], m]
        yield fewer, exactly, right_QC[:, c]
