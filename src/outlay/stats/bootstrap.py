"""Bootstrap intervals over questions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means


def bootstrap(
    statistic: Callable[..., float], *arrays_Q: ArrayLike, draws: int = 2000, level: float = 0.95, seed: int
) -> Interval:
    """The percentile interval of `statistic` over questions drawn with replacement.

    The question is the cluster: every array keeps its rows together, so samples of one question never count as
    independent, and paired arrays stay paired. The end points are order statistics of the draws, outwards, so a
    statistic may be infinite in some draws (dollars per right answer when a draw has none) and the interval
    then ends at infinity. The percentile form is taken instead of the bias-corrected one because it needs no
    jackknife, which is infinite or undefined exactly where one question holds the only right answer. Its price:
    with few and lopsided questions it is short. Measured coverage at 95 %, for 20 and for 40 questions:
    accuracy 0.6: 95 and 95; accuracy 0.1: 87 and 94; exponential costs: 88 and 93. If all questions agree it
    has no width: for plain proportions prefer `wilson`, for functions of means `bootstrap_of_means` (faster), for
    smooth and skewed statistics `bca`.

    Args:
        statistic: takes the resampled arrays in the order given, returns a float (not NaN).
        *arrays_Q: one or more arrays whose first axis is the question, of equal length, at least one question.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval.

    Raises:
        ValueError: no questions, unequal lengths, or a level outside (0, 1).

    Source:
        Efron and Tibshirani 1993, chapter 13; clustering by question after Miller 2024 (arXiv 2411.00640),
        section 2.2.

    Example:
        >>> interval = bootstrap(np.mean, [0.0, 1.0, 1.0, 1.0] * 10, seed=1)
        >>> print(interval.low < 0.75 < interval.high)
        True
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level}")
    arrays = [np.asarray(a) for a in arrays_Q]
    n = len(arrays[0])
    if n == 0 or any(len(a) != n for a in arrays):
        raise ValueError("the arrays need the same number of questions, at least one")
    return _percentiles(_resampled(statistic, arrays, n, draws, seed), level)


def bootstrap_of_means(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *columns_Q: ArrayLike,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int,
) -> Interval:
    """The same percentile interval for a function of means, without a Python loop over draws.

    The mean of one column is `lambda m: m[:, 0]`, a ratio of sums `lambda m: m[:, 0] / m[:, 1]`. It draws the
    same law as `bootstrap` with other random numbers, and may be infinite too.

    Args:
        statistic: takes means, shape (draws, columns), returns one number a draw (not NaN).
        *columns_Q: one array a column, one number a question, of equal length, at least one question.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval.

    Raises:
        ValueError: no questions, unequal lengths, or a level outside (0, 1).

    Cost:
        As `resampled_means`: 10,000 draws over 10,000 questions take below 1 s.

    Source:
        As for `bootstrap`.

    Example:
        >>> interval = bootstrap_of_means(lambda m: m[:, 0], [0.0, 1.0, 1.0, 1.0] * 10, seed=1)
        >>> print(interval.low < 0.75 < interval.high)
        True
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level}")
    columns = [np.asarray(c, float) for c in columns_Q]
    if not columns or not len(columns[0]) or any(c.shape != columns[0].shape for c in columns):
        raise ValueError("the columns need the same number of questions, at least one")
    return _percentiles(statistic(resampled_means(np.column_stack(columns), draws=draws, seed=seed)), level)


def _percentiles(values_K: NDArray[np.float64], level: float) -> Interval:
    tail = (1 - level) / 2
    low, high = np.quantile(values_K, tail, method="lower"), np.quantile(values_K, 1 - tail, method="higher")
    return Interval(float(low), float(high), level)


def _resampled(
    statistic: Callable[..., float], arrays: list[NDArray], n: int, draws: int, seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    values = np.empty(draws)
    for i in range(draws):
        rows = rng.integers(n, size=n)
        values[i] = statistic(*(a[rows] for a in arrays))
    return values
