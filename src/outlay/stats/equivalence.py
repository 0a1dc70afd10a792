"""Claims of "as good as": two one-sided tests of equivalence, and non-inferiority."""

from __future__ import annotations

from math import inf, isfinite, sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike
from scipy.stats import t as student

from outlay.errors import CannotSay, UsageError
from outlay.stats.interval import Interval


class Equivalence(Struct, frozen=True):
    """Whether a difference is shown to be inside a margin.

    `interval` has level 1 - 2 alpha; for equivalence `shown` says that it lies inside (-margin, margin), for
    non-inferiority that its low end is above -margin; each agrees with `p_value` < alpha. `effect_size` is the
    difference over the standard deviation of the differences, None where there is no spread or no data.
    """

    difference: float
    interval: Interval
    margin: float
    p_value: float
    shown: bool
    effect_size: float | None = None


def tost(
    difference: float, error: float, margin: float, *, degrees: float = inf, alpha: float = 0.05
) -> Equivalence:
    """Equivalence from a difference and its standard error: p = max of P(T >= (margin -+ difference) / error).

    Args:
        difference: the estimated difference, any unit.
        error: its standard error, above 0, same unit.
        margin: the largest difference that does not matter, from 0; infinity is always passed, 0 never.
        degrees: degrees of freedom of the error; infinity takes the normal law.
        alpha: level of each one-sided test, above 0 and below 1/2.

    Returns:
        The verdict, with the interval of level 1 - 2 alpha.

    Raises:
        UsageError: the error is not above 0, the margin is negative or something is NaN.

    Source:
        Schuirmann 1987; used with margin 0.05 in Yaron et al. 2025 (arXiv 2510.25933).

    Example:
        >>> print([tost(0.008, 0.039 / 1.96, margin).shown for margin in (0.03, 0.05)])
        [False, True]
    """
    _check(margin, alpha)
    if not (isfinite(difference) and isfinite(error) and error > 0):
        raise UsageError("equivalence needs a finite difference and a standard error above 0")
    upper = float(student.sf((margin - difference) / error, degrees))
    lower = float(student.sf((margin + difference) / error, degrees))
    p_value = max(upper, lower)
    interval = _interval(difference, error, degrees, alpha)
    return Equivalence(difference, interval, margin, p_value, p_value < alpha)


def equivalence(a_Q: ArrayLike, b_Q: ArrayLike, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Whether plans a and b differ by less than `margin`: TOST on the paired differences b - a.

    "No significant difference" is no evidence of equality; this is. Student's t with one degree less than the
    questions. If every question has the same difference the t test knows nothing; then a share of moved
    questions of at most 1 - alpha^(1/n) is compatible with having seen none, and the interval is the difference
    +- that share, for values in [0, 1].

    Args:
        a_Q: one number a question, at least two questions.
        b_Q: the same of the other plan, in the same order of questions.
        margin: the largest difference that does not matter, from 0, in the values' unit.
        alpha: level of each one-sided test, above 0 and below 1/2.

    Returns:
        The verdict; `difference` is mean(b - a).

    Raises:
        UsageError: unequal lengths, fewer than two questions, NaN, a negative margin.
        CannotSay: no spread in the differences, and values outside [0, 1].

    Source:
        Yaron et al. 2025 (arXiv 2510.25933) report a paired bootstrap interval and TOST; which interval their
        TOST used was not found, Student's is ours, and so is the case without spread.

    Example:
        >>> a, b = [1, 0, 1, 1, 0] * 40, [1, 0, 1, 1, 0] * 39 + [0, 1, 1, 1, 0]
        >>> equivalence(a, b, margin=0.05).shown
        True
    """
    _check(margin, alpha)
    difference, spread, n = _paired(a_Q, b_Q)
    if spread == 0:
        reach = _unseen(a_Q, b_Q, n, alpha)
        room = min(1.0, margin - abs(difference))
        p_value = (1 - room) ** n if room > 0 else 1.0
        ends = Interval(difference - reach, difference + reach, 1 - 2 * alpha)
        return Equivalence(difference, ends, margin, p_value, p_value < alpha)
    found = tost(difference, spread / sqrt(n), margin, degrees=n - 1, alpha=alpha)
    return Equivalence(difference, found.interval, margin, found.p_value, found.shown, difference / spread)


def non_inferiority(a_Q: ArrayLike, b_Q: ArrayLike, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Whether plan b is worse than plan a by less than `margin`: one-sided t test of mean(b - a) > -margin.

    Higher values are better: for costs pass their negatives.

    Args:
        a_Q: the known plan, one number a question, at least two questions.
        b_Q: the plan that should replace it, in the same order of questions.
        margin: the largest loss that does not matter, from 0.
        alpha: level of the test, above 0 and below 1/2.

    Returns:
        The verdict; `shown` looks at the low end of the interval alone.

    Raises:
        UsageError: as for `equivalence`.
        CannotSay: as for `equivalence`.

    Source:
        One half of Schuirmann 1987.

    Example:
        >>> non_inferiority([0, 1] * 50, [1, 1] * 50, margin=0.02).shown
        True
    """
    _check(margin, alpha)
    difference, spread, n = _paired(a_Q, b_Q)
    if spread == 0:
        reach = _unseen(a_Q, b_Q, n, alpha)
        room = min(1.0, margin + difference)
        p_value = (1 - room) ** n if room > 0 else 1.0
        ends = Interval(difference - reach, difference + reach, 1 - 2 * alpha)
        return Equivalence(difference, ends, margin, p_value, p_value < alpha)
    error = spread / sqrt(n)
    p_value = float(student.sf((difference + margin) / error, n - 1))
    ends = _interval(difference, error, n - 1, alpha)
    return Equivalence(difference, ends, margin, p_value, p_value < alpha, difference / spread)


def _interval(difference: float, error: float, degrees: float, alpha: float) -> Interval:
    half = float(student.isf(alpha, degrees)) * error
    return Interval(difference - half, difference + half, 1 - 2 * alpha)


def _paired(a_Q: ArrayLike, b_Q: ArrayLike) -> tuple[float, float, int]:
    a, b = np.asarray(a_Q, float), np.asarray(b_Q, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("equivalence needs finite values of both plans on the same questions, at least two")
    moved = b - a
    # Rounding gives equal differences such as 0.3 - 0.1 and 0.4 - 0.2 a spread near 1e-17.
    flat = moved.max() - moved.min() <= 1e-12 * max(1.0, float(np.abs(moved).max()))
    return float(moved.mean()), 0.0 if flat else float(moved.std(ddof=1)), len(a)


def _unseen(a_Q: ArrayLike, b_Q: ArrayLike, n: int, alpha: float) -> float:
    """The largest share of differing questions that is compatible with none among n."""
    values = np.concatenate([np.asarray(a_Q, float), np.asarray(b_Q, float)])
    if values.min() < 0 or values.max() > 1:
        raise CannotSay("every question has the same difference, so its spread cannot be said from this data")
    return 1 - alpha ** (1 / n)


def _check(margin: float, alpha: float) -> None:
    if not margin >= 0:
        raise UsageError(f"the margin must be 0 or more, not {margin}")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must be above 0 and below 1/2, not {alpha}")
