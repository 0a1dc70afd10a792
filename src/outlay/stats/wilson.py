"""Wilson's score interval for a proportion."""

from __future__ import annotations

from math import inf, sqrt
from statistics import NormalDist

from outlay.errors import UsageError
from outlay.stats.interval import Interval


def wilson(successes: float, trials: float, level: float = 0.95) -> Interval:
    """The interval of p with |p_hat - p| <= z sqrt(p (1 - p) / n), z the normal quantile of (1 + level) / 2.

    It stays inside [0, 1], has width at 0 and at `trials` successes, and covers close to `level` for few
    trials. The trials must be independent: samples of one question are not (use `bootstrap` over questions). No
    trials: [0, 1].

    Args:
        successes: number of successes, 0 … trials; a fraction is allowed (votes with shared ties).
        trials: number of trials, from 0; a fraction is allowed (the effective number of dependent ones).
        level: coverage, above 0 and below 1.

    Returns:
        The interval.

    Raises:
        UsageError: successes are outside 0 … trials, either is not finite, or the level is outside (0, 1).

    Source:
        Wilson 1927; Brown, Cai and DasGupta 2001, section 3.1.1 (recommended for n <= 40).

    Example:
        >>> print(f"{wilson(8, 10).low:.4f} {wilson(8, 10).high:.4f}")
        0.4902 0.9433
    """
    if not 0 <= successes <= trials < inf:
        raise UsageError(f"successes must be between 0 and {trials}, not {successes}")
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    if trials == 0:
        return Interval(0.0, 1.0, level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = successes / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / shrink
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / shrink
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Interval(low, high, level)
