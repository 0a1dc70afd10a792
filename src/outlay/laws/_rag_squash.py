"""The fitted logistic between a linear score and a standardised accuracy."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Floats = NDArray[np.float64]
INSIDE = 1e-3
"""Accuracies at or past an end of the logistic are moved this share of its span inside, where it has an inverse."""


class Squash(Struct, frozen=True):
    """sigma(x) = span / (1 + exp(-slope (x + shift))) + low, rising from `low` to `low + span`.

    Example:
        >>> squash = Squash(span=3.30, slope=1.81, shift=0.46, low=-2.18)
        >>> print(round(float(squash.inverse(squash.value(0.3))), 6), round(float(squash.value(9.0)), 2))
        0.3 1.12
    """

    span: float
    slope: float
    shift: float
    low: float

    def value(self, x: ArrayLike) -> Floats:
        """sigma(x)."""
        return np.asarray(self.span * expit(self.slope * (np.asarray(x, float) + self.shift)) + self.low)

    def inverse(self, y: ArrayLike) -> Floats:
        """The x with sigma(x) = y; y at or past an end is moved just inside."""
        y = np.clip(y, self.low + INSIDE * self.span, self.low + (1 - INSIDE) * self.span)
        return np.asarray(-self.shift - np.log(self.span / (y - self.low) - 1) / self.slope)


PUBLISHED = Squash(span=3.30, slope=1.81, shift=0.46, low=-2.18)
"""As fitted to Gemini 1.5 Flash in the paper."""


def refitted(score_N: Floats, x_N: Floats, start: Squash) -> Squash:
    """The logistic of least squares from x to score, no narrower than the scores and rising."""
    reach = float(np.ptp(score_N))
    solution = least_squares(
        lambda q: Squash(*q).value(x_N) - score_N,
        np.clip(
            [start.span, start.slope, start.shift, start.low],
            [reach, 0.011, -9.9, -9.9],
            [9.9 * reach, 9, 9, 9],
        ),
        bounds=([0.99 * reach, 0.01, -10, -10], [10 * reach, 10, 10, 10]),
    )
    return Squash(*(float(c) for c in solution.x))


def wide_enough(score_N: Floats) -> Squash:
    """The published logistic, its range stretched to hold all scores where it does not."""
    low = min(PUBLISHED.low, float(score_N.min()) - 0.05)
    high = max(PUBLISHED.low + PUBLISHED.span, float(score_N.max()) + 0.05)
    return Squash(high - low, PUBLISHED.slope, PUBLISHED.shift, low)
