"""How fast the price of a right answer falls as new models are released."""

from __future__ import annotations

from math import inf, log

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar, nnls, root_scalar
from scipy.special import fdtri

from outlay.economics.cost_of_pass import task_value
from outlay.errors import UsageError
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]
GRID = 400
"""Rates tried between one halving in 100 spans and one in 1 / 100 of the span."""


class Trend(Struct, frozen=True):
    """V = a exp(-b t) + c from the first date on; times in the unit of the dates.

    `halving` is ln 2 / b, of the part above the floor c, with its interval: infinite at the upper end where the data
    do not show that it falls at all, 0 at the lower end where it may fall at once. `r2`: share of the variance that
    the curve explains. Past `last` it is an extrapolation.
    """

    a: float
    b: float
    c: float
    halving: float
    halving_interval: Interval
    r2: float
    first: float
    last: float

    def predict(self, time: ArrayLike) -> Floats:
        """The fitted value, a exp(-b (t - first)) + c.

        Args:
            time: dates in the unit of the fit; any shape.

        Returns:
            Values in the unit of the fitted ones.
        """
        return self.a * np.exp(-self.b * (np.asarray(time, float) - self.first)) + self.c

    def extrapolates(self, time: float) -> bool:
        """Whether a date lies outside the fitted ones."""
        return not self.first <= time <= self.last


def value_over_time(
    v_MQ: ArrayLike, release_M: ArrayLike, expert_Q: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """V_D of the models released up to each date: the frontier never rises.

    Args:
        v_MQ: cost-of-pass of each model on each question.
        release_M: release date of each model, as a number (months, days).
        expert_Q: the expert's price of each question.

    Returns:
        The distinct dates in order, and V_D at each; infinite while a question is out of reach.

    Raises:
        UsageError: no models, or a date for each is missing.

    Source:
        Cost-of-Pass, Erol et al. 2025 (arXiv 2504.13359), section 3.

    Example:
        >>> print(value_over_time([[4.0, 4.0], [2.0, 8.0]], [1.0, 3.0])[1])
        [4. 3.]
    """
    v, release = np.asarray(v_MQ, float), np.asarray(release_M, float)
    if v.ndim != 2 or not len(v) or release.shape != v.shape[:1] or not np.isfinite(release).all():
        raise UsageError("every model needs a release date, and there must be a model")
    dates = np.unique(release)
    return dates, np.array([task_value(v[release <= date], expert_Q) for date in dates])


def fit_trend(time_N: ArrayLike, value_N: ArrayLike, *, level: float = 0.95) -> Trend:
    """Least squares of V = a exp(-b t) + c with a, c >= 0 and b > 0, and its halving time ln 2 / b.

    For each b the best a and c are linear; b is searched. The interval holds the halving times whose best curve
    fits no worse than chance explains (an F ratio): with few dates it is wide, and that is so.

    Args:
        time_N: dates as numbers in any unit, at least 4 different ones.
        value_N: values at these dates, finite, from 0.
        level: coverage of the interval, above 0 and below 1.

    Returns:
        The trend.

    Raises:
        UsageError: fewer than 4 dates, values that do not fall or fall at once, or numbers that are not finite.

    Source:
        Cost-of-Pass, Erol et al. 2025 (arXiv 2504.13359), section 3; its fitting method was not found, the bounds
        and the interval are ours.

    Example:
        >>> import numpy as np
        >>> months = np.arange(12.0)
        >>> print(round(fit_trend(months, 10 * np.exp(-0.2667 * months) + 0.1).halving, 2))
        2.6
    """
    time, value = np.asarray(time_N, float), np.asarray(value_N, float)
    if time.ndim != 1 or time.shape != value.shape or not (np.isfinite(time) & np.isfinite(value)).all():
        raise UsageError(
            "a trend needs a finite value at each date; without an expert's price some may be infinite"
        )
    if len(np.unique(time)) < 4 or not 0 < level < 1 or (value < 0).any():
        raise UsageError(
            "a trend cannot be said from fewer than 4 different dates (values from 0, level in (0, 1))"
        )
    t = time - time.min()
    spread = float(((value - value.mean()) ** 2).sum())
    centred = float((t - t.mean()) @ value)
    if spread <= 1e-18 * float((value**2).sum()) or centred >= 0:
        raise UsageError("a halving time cannot be said from this data: the values do not fall")
    rates = np.exp(np.linspace(log(log(2) / (100 * t.max())), log(100 * log(2) / t.max()), GRID))
    losses = np.array([_profile(t, value, rate)[0] for rate in rates])
    at = int(losses.argmin())
    if at in (0, GRID - 1):
        raise UsageError(
            "a halving time cannot be said from this data: the fall is over between two dates, or never bends"
        )
    around = (log(rates[max(at - 1, 0)]), log(rates[min(at + 1, GRID - 1)]))
    found = minimize_scalar(lambda x: _profile(t, value, np.exp(x))[0], bounds=around, method="bounded")
    b = float(np.exp(found.x))
    loss, a, c = _profile(t, value, b)
    spare = len(t) - 3
    allowed = loss * (1 + float(fdtri(1, spare, level)) / spare)
    slow, fast = (_last_inside(t, value, rates, losses, b, allowed, step) for step in (-1, 1))
    interval = Interval(log(2) / fast if fast else 0.0, log(2) / slow if slow else inf, level)
    return Trend(a, b, c, log(2) / b, interval, 1 - loss / spread, float(time.min()), float(time.max()))


def _profile(t: Floats, value: Floats, rate: float) -> tuple[float, float, float]:
    """The smallest sum of squares at that rate, with its a and c."""
    (a, c), norm = nnls(np.column_stack([np.exp(-rate * t), np.ones_like(t)]), value)
    return float(norm**2), float(a), float(c)


def _last_inside(
    t: Floats, value: Floats, rates: Floats, losses: Floats, b: float, allowed: float, step: int
) -> float | None:
    """The outermost rate above (step 1) or below (-1) `b` that chance does not rule out; None where none is ruled out.

    The grid says between which two rates it lies, and a root where: a step of the grid is 2 %.
    """
    outwards = rates[::step]
    inside = [i for i, kept in enumerate(losses[::step] <= allowed) if kept and (outwards[i] - b) * step > 0]
    if inside and inside[-1] == len(rates) - 1:
        return None
    first_out = inside[-1] + 1 if inside else int(np.argmax((outwards - b) * step > 0))
    last_in = float(outwards[inside[-1]]) if inside else b
    between = (last_in, float(outwards[first_out]))
    return float(root_scalar(lambda rate: _profile(t, value, rate)[0] - allowed, bracket=between).root)
