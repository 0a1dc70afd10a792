"""Clopper and Pearson's exact interval for a proportion."""

from __future__ import annotations

from scipy.special import betaincinv

from outlay.errors import UsageError
from outlay.stats.interval import Interval


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """[B^-1(t; c, n - c + 1), B^-1(1 - t; c + 1, n - c)], t = (1 - level) / 2, B^-1 the Beta quantile.

    It never covers less than `level`, whatever n and p, and mostly covers more; `wilson` covers `level` on
    average and is shorter. Take this one where a promise must hold (soundness of a verifier, a contract), the
    other for display. The trials must be independent. No trials: [0, 1].

    Args:
        successes: number of successes, 0 … trials.
        trials: number of trials, from 0.
        level: least coverage, above 0 and below 1.

    Returns:
        The interval.

    Raises:
        UsageError: successes are outside 0 … trials, or the level outside (0, 1).

    Source:
        Clopper and Pearson 1934.

    Example:
        >>> print(f"{clopper_pearson(0, 10).high:.4f} {clopper_pearson(8, 10).low:.4f}")
        0.3085 0.4439
    """
    if not 0 <= successes <= trials:
        raise UsageError(f"successes must be between 0 and {trials}, not {successes}")
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    tail = (1 - level) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return Interval(low, high, level)
