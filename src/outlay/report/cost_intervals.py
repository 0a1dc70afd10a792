"""Intervals of means over questions of what a right answer costs, where each question's rate is known from few runs."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from outlay.report.resampling import DRAWS, Range, outward
from outlay.stats.resampled_means import resampled_means
from outlay.stats.studentized import studentized_interval

Floats = NDArray[np.float64]
COPIES_OF = 2000
"""Questions with runs drawn anew behind an interval, at least: enough for a smooth law of what a draw may hold."""
NO_SPREAD = 1e-9
"""Spread of a sample, in parts of its mean, below which it is rounding."""


def drawn_anew(right_PQ: Floats, runs_PQ: Floats, *, seed: int) -> Floats:
    """Right runs of copies of every question, each copy run anew: rate ~ Beta(right + 1/2, wrong + 1/2).

    A copy may be solved by no run where its question was solved by one or two, which is what a sample that happens
    to hold no such question cannot show by being drawn again. All plans take the same quantile of their rates on a
    copy, for what is harder than it looks is so for every plan.

    Args:
        right_PQ: right runs of each plan on each question.
        runs_PQ: runs.
        seed: seed of the draws.

    Returns:
        Right runs, shape (plans, copies x questions): copies of the whole sample side by side.

    Source:
        Ours: the rate's law is its posterior under the prior of `success_rate(..., smoothed=True)`.

    Example:
        >>> drawn_anew(np.zeros((1, 4000)), np.full((1, 4000), 8.0), seed=1).shape
        (1, 4000)
    """
    copies = -(-COPIES_OF // right_PQ.shape[1])
    rng = np.random.default_rng(seed)
    right, runs = np.tile(right_PQ, copies), np.tile(runs_PQ, copies).astype(int)
    rate = betaincinv(right + 0.5, runs - right + 0.5, rng.random(right.shape[1]))
    return rng.binomial(runs, rate).astype(float)


def value_range(seen_Q: Floats, anew_N: Floats, *, least: float, dearest: float, seed: int) -> Range:
    """The interval of a mean cost: bootstrap-t of its logarithm, the draws taken from questions that were run anew.

    How far a draw's mean lies from theirs, in the draw's own errors, is the yardstick for how far the sample's may
    lie from the truth, in its own; relative ones, as a skewed mean and its error rise together. The upper end stays
    below what one more question of the dearest kind would allow (percentiles of the sample with it): with one or
    two dear questions the draw's errors say little. Without spread in the sample its ends are the percentiles of
    the draws.

    Args:
        seen_Q: the cost of each question.
        anew_N: the same of each question that was run anew.
        least: what the mean cannot lie below.
        dearest: the cost of a question that no run solves.
        seed: seed of the draws.

    Returns:
        The ends.

    Source:
        Bootstrap-t of a transformed mean: Efron and Tibshirani 1993, sections 12.5 and 12.6; the logarithm, drawing
        the runs anew and the bound are ours.
        Coverage: `bench/report_intervals.py --only question`.

    Example:
        >>> seen = np.array([1.0, 2.0, 3.0, 2.0] * 10)
        >>> low, high = value_range(seen, np.tile(seen, 50), least=0.0, dearest=9.0, seed=1)
        >>> print(round(low, 1), round(high, 1))
        1.8 2.2
    """
    draws = _drawn(seen_Q, anew_N, seed)
    if draws.alike or draws.mean_D.min() <= 0:
        low, high, _ = _studentized(draws)
    else:
        found = studentized_interval(
            log(draws.mean),
            draws.variance / draws.mean**2,
            np.log(draws.mean_D),
            draws.variance_D / draws.mean_D**2 + np.log(draws.mean_D / draws.centre) ** 2,
            centre=log(draws.centre),
        )
        low, high = exp(found.low), exp(found.high)
    return _bounded(low, high, seen_Q, least, dearest, seed)


def saving_range(seen_Q: Floats, anew_N: Floats, *, dearest: float, seed: int) -> Range:
    """The interval of a mean saving from 0, as `value_range`, its upper end no nearer than the draws' own.

    A saving is a difference of two costs that a hard question moves together; a sample without one has small errors
    and a small mean. So the upper end is at least as far from the mean as the draws' is from theirs, in dollars.

    Args:
        seen_Q: the saving of each question.
        anew_N: the same of each question that was run anew.
        dearest: the saving of a question that no other run solves.
        seed: seed of the draws.

    Returns:
        The ends.

    Source:
        As `value_range`; ours.

    Example:
        >>> seen = np.array([1.0, 2.0, 3.0, 2.0] * 10)
        >>> low, high = saving_range(seen, np.tile(seen, 50), dearest=9.0, seed=1)
        >>> print(round(low, 1), round(high, 1))
        1.8 2.2
    """
    low, high, off = _studentized(_drawn(seen_Q, anew_N, seed))
    return _bounded(low, max(high, float(seen_Q.mean()) + off), seen_Q, 0.0, dearest, seed)


def share_range(
    part_Q: Floats, whole_Q: Floats, anew_2N: Floats, *, dearest: tuple[float, float], seed: int
) -> Range:
    """The interval of mean part / mean whole, by `saving_range` of part - share whole, in [0, 1].

    The lower end is no higher than the percentile of the sample's draws: where a few questions hold most of the
    whole, the errors of the residuals are too small.

    Args:
        part_Q: the part of each question, from 0 to the whole.
        whole_Q: the whole of each question.
        anew_2N: both of each question that was run anew.
        dearest: both of a question that no run but the part's solves.
        seed: seed of the draws.

    Returns:
        The ends; 0 and 0 where the whole is 0.

    Source:
        A ratio of means by the mean of its residuals (Fieller 1954), bootstrap-t as in `value_range`.

    Example:
        >>> whole = np.array([1.0, 2.0, 3.0, 2.0] * 10)
        >>> share_range(whole / 2, whole, np.tile([whole / 2, whole], 50), dearest=(1.0, 2.0), seed=1)
        (0.5, 0.5)
    """
    whole, whole_anew = float(whole_Q.mean()), float(anew_2N[1].mean())
    if whole <= 0 or whole_anew <= 0:
        return 0.0, 0.0
    share, share_anew = float(part_Q.mean()) / whole, float(anew_2N[0].mean()) / whole_anew
    residual_Q, anew_N = part_Q - share * whole_Q, anew_2N[0] - share_anew * anew_2N[1]
    low, high, off = _studentized(_drawn(residual_Q, anew_N, seed, size=whole))
    high = max(high, off)
    pairs_QC = np.vstack([np.column_stack([part_Q, whole_Q]), dearest])
    means_DC = resampled_means(pairs_QC, draws=DRAWS, seed=seed)
    bound = float(np.quantile(means_DC[:, 0] / means_DC[:, 1], 0.975, method="higher"))
    plain_DC = resampled_means(pairs_QC[:-1], draws=DRAWS, seed=seed)
    plain = float(np.quantile(plain_DC[:, 0] / plain_DC[:, 1], 0.025, method="lower"))
    return max(0.0, min(share, share + low / whole, plain)), max(share, min(share + high / whole, bound, 1.0))


def _bounded(low: float, high: float, seen_Q: Floats, least: float, dearest: float, seed: int) -> Range:
    bound = outward(resampled_means(np.append(seen_Q, dearest), draws=DRAWS, seed=seed)[:, 0])[1]
    mean = float(seen_Q.mean())
    return min(max(low, least), mean), max(mean, high if bound is None else min(high, bound))


class _Draws(NamedTuple):
    """A sample's mean and variance, those of its draws, and the mean that these are taken about."""

    mean: float
    variance: float
    alike: bool
    centre: float
    mean_D: Floats
    variance_D: Floats


def _drawn(seen_Q: Floats, anew_N: Floats, seed: int, size: float | None = None) -> _Draws:
    """`size` is what the sample's spread is measured against, to be one at all; the mean if None."""
    mean, centre, variance = float(seen_Q.mean()), float(anew_N.mean()), float(seen_Q.var())
    columns_NC = np.column_stack([anew_N, (anew_N - centre) ** 2])
    mean_D, square_D = resampled_means(columns_NC, draws=DRAWS, seed=seed, take=len(seen_Q)).T
    alike = variance <= (NO_SPREAD * (abs(mean) if size is None else size)) ** 2
    return _Draws(mean, variance, alike, centre, mean_D, square_D - (mean_D - centre) ** 2)


def _studentized(draws: _Draws) -> tuple[float, float, float]:
    """The ends, and how far the draws lie above their mean."""
    low, high = (float(end) for end in np.quantile(draws.mean_D, [0.025, 0.975]))
    if draws.alike:
        return min(low, draws.mean), max(draws.mean, high), high - draws.centre
    square_D = draws.variance_D + (draws.mean_D - draws.centre) ** 2
    found = studentized_interval(draws.mean, draws.variance, draws.mean_D, square_D, centre=draws.centre)
    return found.low, found.high, high - draws.centre
