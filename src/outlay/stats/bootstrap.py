"""Bootstrap intervals over questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
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
        *arrays_Q: one or more arrays whose first axis is the question, of equal length, at least two questions.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval.

    Raises:
        UsageError: unequal lengths, no draws, or a level outside (0, 1).
        CannotSay: fewer than two questions, or the statistic is not a number in a draw.

    Source:
        Efron and Tibshirani 1993, chapter 13; clustering by question after Miller 2024 (arXiv 2411.00640),
        section 2.2.

    Example:
        >>> interval = bootstrap(np.mean, [0.0, 1.0, 1.0, 1.0] * 10, seed=1)
        >>> print(interval.low < 0.75 < interval.high)
        True
    """
    arrays = [np.asarray(a) for a in arrays_Q]
    n = _questions(arrays, draws, level)
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
        *columns_Q: one array a column, one number a question, of equal length, at least two questions.
        draws: bootstrap draws, from 1.
        level: coverage aimed at, above 0 and below 1.
        seed: seed of the draws.

    Returns:
        The interval.

    Raises:
        UsageError: unequal lengths, no draws, or a level outside (0, 1).
        CannotSay: fewer than two questions, or the statistic is not a number in a draw.

    Cost:
        As `resampled_means`: 10,000 draws over 10,000 questions take below 1 s.

    Source:
        As for `bootstrap`.

    Example:
        >>> interval = bootstrap_of_means(lambda m: m[:, 0], [0.0, 1.0, 1.0, 1.0] * 10, seed=1)
        >>> print(interval.low < 0.75 < interval.high)
        True
    """
    columns = [np.asarray(c, float) for c in columns_Q]
    _questions(columns, draws, level)
    return _percentiles(statistic(resampled_means(np.column_stack(columns), draws=draws, seed=seed)), level)


def _questions(arrays: Sequence[NDArray], draws: int, level: float) -> int:
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    lengths = {len(a) if a.ndim else 0 for a in arrays}
    if len(lengths) != 1 or draws < 1:
        raise UsageError("a bootstrap needs arrays with the same number of questions, and at least one draw")
    n = lengths.pop()
    if n < 2:
        raise CannotSay(f"an interval over questions needs at least two of them, not {n}")
    return n


def _percentiles(values_K: NDArray[np.float64], level: float) -> Interval:
    if np.isnan(values_K).any():
        raise CannotSay("the statistic is not a number in a draw: leave out questions whose values are missing")
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
