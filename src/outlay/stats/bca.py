"""Bias-corrected and accelerated bootstrap intervals over questions."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means

Floats = NDArray[np.float64]


def bca(
    statistic: Callable[..., float], *arrays_Q: ArrayLike, draws: int = 2000, level: float = 0.95, seed: int
) -> Interval:
    """The BCa interval of any statistic over questions drawn with replacement.

    Percentiles of the draws, moved by the bias z0 (how often a draw is below the estimate) and the
    acceleration a (skewness of the jackknife). Prefer it to `bootstrap` for smooth, skewed statistics with a
    few dozen questions (costs, ratios); prefer `bootstrap` where the statistic may be infinite in a draw or
    without one question, and `wilson` for plain proportions. For functions of means, `bca_of_means` gives the
    same at a fraction of the time.

    Args:
        statistic: takes the resampled arrays in the order given, returns a finite float.
        *arrays_Q: arrays whose first axis is the question, of equal length, at least two questions.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval. All draws equal: no width.

    Raises:
        UsageError: fewer than two questions, unequal lengths, a level outside (0, 1).
        CannotSay: the statistic is not finite in a draw or without one question, or all draws are on one side
            of the estimate.

    Cost:
        draws + questions evaluations of the statistic.

    Source:
        Efron 1987; Efron and Tibshirani 1993, section 14.3. End points outwards, as in `bootstrap`.

    Example:
        >>> interval = bca(np.mean, [0.0, 1.0, 2.0, 9.0] * 6, seed=1)
        >>> print(interval.low < 3.0 < interval.high)
        True
    """
    arrays = [np.asarray(a) for a in arrays_Q]
    n = _questions(arrays)
    rng = np.random.default_rng(seed)
    values = np.array(
        [statistic(*(a[rows] for a in arrays)) for rows in (rng.integers(n, size=n) for _ in range(draws))]
    )
    without = np.array([statistic(*(np.delete(a, i, axis=0) for a in arrays)) for i in range(n)])
    return bca_interval(float(statistic(*arrays)), values, without, level)


def bca_of_means(
    statistic: Callable[[Floats], Floats],
    *columns_Q: ArrayLike,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int,
) -> Interval:
    """The BCa interval of a function of means over questions, for example a ratio of sums.

    Args:
        statistic: takes means, shape (m, columns), returns m finite numbers: `lambda m: m[:, 0] / m[:, 1]`.
        *columns_Q: one array a column, one number a question, of equal length, at least two questions.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval, as from `bca`.

    Raises:
        UsageError: fewer than two questions, unequal lengths, a level outside (0, 1).
        CannotSay: as for `bca`.

    Cost:
        As `resampled_means`.

    Source:
        As for `bca`; the jackknife of a mean is (n mean - x_i) / (n - 1).

    Example:
        >>> interval = bca_of_means(lambda m: m[:, 0] / m[:, 1], [1.0, 2.0, 3.0] * 9, [1, 0, 1] * 9, seed=1)
        >>> print(interval.low < 3.0 < interval.high)
        True
    """
    columns = [np.asarray(c, float) for c in columns_Q]
    n = _questions(columns)
    table_QC = np.column_stack(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(resampled_means(table_QC, draws=draws, seed=seed))
        without = statistic((table_QC.sum(axis=0) - table_QC) / (n - 1))
        seen = float(statistic(table_QC.mean(axis=0, keepdims=True))[0])
    return bca_interval(seen, values, without, level)


def bca_interval(seen: float, values_K: ArrayLike, without_Q: ArrayLike, level: float = 0.95) -> Interval:
    """The BCa interval from the estimate, its bootstrap draws, and its values without one question each.

    The end points are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of the draws, z the normal quantiles
    of the level's tails, z0 = Phi^-1(share of draws below the estimate, ties half), a = sum d^3 / (6 (sum
    d^2)^1.5) with d = mean - value of the jackknife.

    Args:
        seen: the estimate.
        values_K: its bootstrap draws.
        without_Q: its value without question i, for each question.
        level: coverage aimed at, above 0 and below 1.

    Returns:
        The interval.

    Raises:
        UsageError: a level outside (0, 1).
        CannotSay: something is not finite, or all draws are on one side of the estimate.

    Source:
        Efron and Tibshirani 1993, equations 14.9 to 14.15.

    Example:
        >>> bca_interval(2.0, [1.0, 2.0, 3.0], [1.5, 2.0, 2.5], level=0.5)
        Interval(low=1.0, high=3.0, level=0.5)
    """
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    values, without = np.asarray(values_K, float), np.asarray(without_Q, float)
    if not (np.isfinite(seen) and np.isfinite(values).all() and np.isfinite(without).all()):
        raise CannotSay(
            "a bias-corrected interval needs a statistic that is finite in every draw; use `bootstrap`"
        )
    if values.min() == values.max():
        return Interval(float(values[0]), float(values[0]), level)
    below = float((values < seen).mean() + (values == seen).mean() / 2)
    if not 0 < below < 1:
        raise CannotSay(
            "all bootstrap draws are on one side of the estimate, so its bias cannot be said; use `bootstrap`"
        )
    normal = NormalDist()
    bias, skew = normal.inv_cdf(below), _acceleration(without)
    levels = [_moved(bias, skew, normal.inv_cdf(tail)) for tail in ((1 - level) / 2, (1 + level) / 2)]
    low = np.quantile(values, levels[0], method="lower")
    high = np.quantile(values, levels[1], method="higher")
    return Interval(float(low), float(high), level)


def _moved(bias: float, skew: float, z: float) -> float:
    """The share of the draws that lies below the end point for the normal quantile z."""
    if skew * (bias + z) >= 1:
        raise CannotSay("the statistic is too skewed for a bias-corrected interval; use `bootstrap`")
    return NormalDist().cdf(bias + (bias + z) / (1 - skew * (bias + z)))


def _acceleration(without_Q: Floats) -> float:
    d = without_Q.mean() - without_Q
    spread = float((d**2).sum())
    return float((d**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def _questions(arrays: list[NDArray]) -> int:
    n = len(arrays[0]) if arrays else 0
    if n < 2 or any(len(a) != n for a in arrays):
        raise UsageError("a bias-corrected interval needs arrays over the same questions, at least two")
    return n
