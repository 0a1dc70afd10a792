"""What a least-squares fit may claim: intervals of its coefficients, and whether its form is wrong."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, stdtrit

from outlay.errors import CannotSay
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]


class LackOfFit(Struct, frozen=True):
    """An F test of a fitted form against the same form with a few more terms.

    Attributes:
        statistic: F, from 0.
        p_value: the chance of so large an F if the form were right, in [0, 1].
        against: the terms that were added, in words.
    """

    statistic: float
    p_value: float
    against: str

    @property
    def rejected(self) -> bool:
        """Whether the form is wrong at the 1 % level: what it predicts between and past the data misleads."""
        return self.p_value < 0.01


def lack_of_fit(
    residual_N: ArrayLike, jacobian_NP: ArrayLike, extra_NE: ArrayLike, *, against: str
) -> LackOfFit | None:
    """F = ((S0 - S1) / E) / (S1 / (n - P - E)): do E more terms explain what P coefficients left?

    S0 is the sum of squares after regressing the residual on the Jacobian, S1 after regressing it on the extra
    terms too. Exact for a linear form with normal errors of equal spread; for a curved one it is the test of
    the form linearised at its solution. Noise-free data of the right form give F = 0, p = 1.

    Args:
        residual_N: observed minus fitted.
        jacobian_NP: derivative of the fitted value by each free coefficient; the design of a linear form.
        extra_NE: the terms to add.
        against: what they are, in words.

    Returns:
        The test, or None where fewer than one degree of freedom is left: it cannot be said from this data.

    Source:
        Added-variable F test (Cook and Weisberg 1982, section 2.4).

    Example:
        >>> x = np.arange(8.0)
        >>> line = np.stack([np.ones(8), x], axis=1)
        >>> curve = x**2 + np.array([0.1, -0.1] * 4)
        >>> lack_of_fit(curve, line, x[:, None] ** 2, against="a square").rejected
        True
    """
    residual, jacobian = np.asarray(residual_N, float), np.asarray(jacobian_NP, float)
    both = np.hstack([jacobian, np.asarray(extra_NE, float)])
    rank_before, rank_after = np.linalg.matrix_rank(_scaled(jacobian)), np.linalg.matrix_rank(_scaled(both))
    added, left = int(rank_after - rank_before), int(len(residual) - rank_after)
    if added < 1 or left < 1:
        return None
    before, after = _unexplained(residual, jacobian), _unexplained(residual, both)
    noise = len(residual) * float(np.finfo(float).eps) ** 2 * float(np.abs(jacobian).max()) ** 2
    if before <= 1e6 * noise:
        return LackOfFit(0.0, 1.0, against)
    statistic = max(before - after, 0.0) / added / max(after / left, noise)
    return LackOfFit(float(statistic), float(fdtrc(added, left, statistic)), against)


def coefficient_intervals(
    estimate_P: ArrayLike, jacobian_NP: ArrayLike, residual_N: ArrayLike, *, level: float = 0.95
) -> tuple[Interval, ...]:
    """Estimate -+ t · sqrt(diag V), V the HC3 covariance (J'J)^-1 J' diag(r / (1 - h))^2 J (J'J)^-1.

    Robust to a spread that differs between points (a long call varies more than a short one) and, through the
    leverages h, honest with few points. Errors that are shared between points are not covered.

    Args:
        estimate_P: fitted coefficients.
        jacobian_NP: derivative of the fitted value by each of them.
        residual_N: observed minus fitted, more points than coefficients.
        level: coverage aimed at, above 0 and below 1.

    Returns:
        One interval a coefficient.

    Raises:
        CannotSay: no more points than coefficients, or coefficients that the data cannot tell apart.

    Source:
        MacKinnon and White 1985 (HC3), with the t quantile of n - P degrees of freedom.

    Example:
        >>> (mean,) = coefficient_intervals([2.0], np.ones((4, 1)), [-1.0, 1.0, -1.0, 1.0])
        >>> print(f"{mean.low:.3f} {mean.high:.3f}")
        -0.122 4.122
    """
    estimate = np.asarray(estimate_P, float)
    n, p = np.shape(jacobian_NP)
    spread = np.sqrt(np.diag(covariance(jacobian_NP, residual_N)))
    half = float(stdtrit(n - p, (1 + level) / 2)) * spread
    return tuple(Interval(float(e - h), float(e + h), level) for e, h in zip(estimate, half, strict=True))


def covariance(jacobian_NP: ArrayLike, residual_N: ArrayLike) -> Floats:
    """(J'J)^-1 J' diag(r / (1 - h))^2 J (J'J)^-1: the HC3 covariance of least-squares coefficients.

    Args:
        jacobian_NP: derivative of the fitted value by each coefficient.
        residual_N: observed minus fitted, more points than coefficients.

    Returns:
        A matrix, coefficients by coefficients.

    Raises:
        CannotSay: as `coefficient_intervals`.

    Source:
        MacKinnon and White 1985.

    Example:
        >>> print(covariance(np.ones((4, 1)), [-1.0, 1.0, -1.0, 1.0]).round(4))
        [[0.4444]]
    """
    jacobian, residual = np.asarray(jacobian_NP, float), np.asarray(residual_N, float)
    n, p = jacobian.shape
    if n <= p or np.linalg.matrix_rank(_scaled(jacobian)) < p:
        raise CannotSay(f"{n} points cannot tell {p} coefficients apart; measure more, or more varied, points.")
    left = np.linalg.pinv(jacobian)
    leverage = np.einsum("np,pn->n", jacobian, left)
    weighted = left * (residual / np.maximum(1 - leverage, 1e-9))
    return weighted @ weighted.T


def _unexplained(residual_N: Floats, design_NP: Floats) -> float:
    scaled = _scaled(design_NP)
    left = residual_N - scaled @ np.linalg.lstsq(scaled, residual_N, rcond=None)[0]
    return float(left @ left)


def _scaled(design_NP: Floats) -> Floats:
    """Columns of length one, so that neither rank nor solution hangs on units."""
    length = np.linalg.norm(design_NP, axis=0)
    return design_NP / np.where(length > 0, length, 1.0)
