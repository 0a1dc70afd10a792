"""A rising map from scores to probabilities, learned from right and wrong answers."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from outlay.errors import CannotSay, UsageError


class Isotonic(Struct, frozen=True):
    """A non-decreasing map through the points (score, value), straight between them, flat beyond the ends."""

    score: tuple[float, ...]
    value: tuple[float, ...]

    def predict(self, score: ArrayLike) -> NDArray[np.float64]:
        """The calibrated value of each score."""
        return np.interp(np.asarray(score, float), self.score, self.value)


def isotonic(score_N: ArrayLike, value_N: ArrayLike, weight_N: ArrayLike | None = None) -> Isotonic:
    """The non-decreasing g that minimises sum w (value - g(score))^2, by pooling adjacent violators.

    Equal scores are pooled before, so their order does not matter. The weighted mean of g over the data equals
    that of the values. Its calibration error on the data it was fitted on says nothing: judge it on others.

    Args:
        score_N: one score a sample, finite, at least two different ones.
        value_N: what came of it, 0 or 1 or in between, finite.
        weight_N: weights above 0; None weighs all alike. For questions with several samples 1 / samples counts
            every question once.

    Returns:
        The map.

    Raises:
        UsageError: unequal lengths, NaN, or a weight that is not above 0.
        CannotSay: fewer than two different scores.

    Source:
        Ayer et al. 1955 (pool adjacent violators); as calibration, Zadrozny and Elkan 2002.

    Example:
        >>> isotonic([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1]).value
        (0.0, 0.5, 0.5, 1.0)
    """
    score, value = np.asarray(score_N, float), np.asarray(value_N, float)
    weight = np.ones(len(score)) if weight_N is None else np.asarray(weight_N, float)
    if score.ndim != 1 or score.shape != value.shape or score.shape != weight.shape:
        raise UsageError("isotonic needs as many values and weights as scores")
    if not (
        np.isfinite(score).all()
        and np.isfinite(value).all()
        and np.isfinite(weight).all()
        and (weight > 0).all()
    ):
        raise UsageError("isotonic needs finite scores and values, and weights above 0")
    knots, place = np.unique(score, return_inverse=True)
    if len(knots) < 2:
        raise CannotSay("a map from scores needs at least two different scores in the data")
    mass = np.bincount(place, weights=weight)
    mean = np.bincount(place, weights=weight * value) / mass
    fitted = isotonic_regression(mean, weights=mass).x
    return Isotonic(tuple(knots.tolist()), tuple(fitted.tolist()))
