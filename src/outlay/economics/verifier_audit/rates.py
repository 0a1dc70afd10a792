"""Ratios of sums over questions, accept rates and prices, with intervals for dependent checks."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from outlay.economics.verifier_audit.measured import Labelled, Measured
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson


def accept_rate(labelled: Labelled, level: float) -> Measured | str:
    """Accepts over checks, with Wilson's interval at the effective number of independent checks.

    That number is a (1 - a) over the variance of a ratio of sums over questions, lowered by Student's factor for
    few questions. Where all checks agree no variance is seen and each question counts once.

    Source:
        Korn and Graubard 1998 (effective sample size) with Wilson's interval.
    """
    accepts_C, checks_C = labelled.sums(labelled.accepts_P), labelled.sums(labelled.checks_P)
    clusters = len(checks_C)
    if clusters < 2:
        return "fewer than 2 questions with such a solution; label more of them"
    rate, variance = ratio(accepts_C, checks_C)
    effective = rate * (1 - rate) / variance if variance > 0 else float(clusters)
    few = (NormalDist().inv_cdf((1 + level) / 2) / student(clusters - 1, level)) ** 2
    trials = min(effective * few, float(checks_C.sum()))
    return Measured(rate, wilson(min(rate * trials, trials), trials, level), len(labelled.checks_P))


def price(cost_P: NDArray[np.float64], labelled: Labelled, level: float) -> Measured | str:
    """Cost over checks, with Student's interval of the logarithm of a ratio of sums over questions."""
    cost_C, checks_C = labelled.sums(cost_P), labelled.sums(labelled.checks_P)
    if len(checks_C) < 2:
        return "one question shows no spread"
    value, variance = ratio(cost_C, checks_C)
    half = student(len(checks_C) - 1, level) * variance**0.5 / value if value > 0 else 0.0
    low, high = value * float(np.exp(-half)), value * float(np.exp(half))
    return Measured(value, Interval(low, high, level), len(labelled.checks_P))


def ratio(top_C: NDArray[np.float64], bottom_C: NDArray[np.float64]) -> tuple[float, float]:
    """The ratio of two sums over clusters and its linearised variance."""
    clusters, value = len(top_C), float(top_C.sum() / bottom_C.sum())
    left_C = top_C - value * bottom_C
    return value, clusters / (clusters - 1) * float(left_C @ left_C) / float(bottom_C.sum()) ** 2


def student(degrees: int, level: float) -> float:
    """Student's quantile for a two-sided interval."""
    return float(stdtrit(degrees, (1 + level) / 2))
