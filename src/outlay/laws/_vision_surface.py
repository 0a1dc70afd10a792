"""The surface A / (N^alpha V^beta) + D through measured errors, by bounded least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from outlay.errors import CannotSay, UsageError

Floats = NDArray[np.float64]


def checked(size_N: ArrayLike, tokens_N: ArrayLike, error_N: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """The points as arrays, or why no surface goes through them."""
    size, tokens, error = (np.asarray(a, float).reshape(-1) for a in (size_N, tokens_N, error_N))
    if not len(size) == len(tokens) == len(error):
        raise UsageError("The law needs as many sizes and token counts as errors.")
    if not (np.isfinite([size, tokens, error]).all() and (size > 0).all() and (tokens > 0).all()):
        raise UsageError("Sizes and token counts must be positive numbers.")
    if not ((error > 0) & (error <= 1)).all():
        raise UsageError("Errors are 1 - accuracy, above 0 and at most 1.")
    levels = len(np.unique(size)), len(np.unique(tokens))
    if len(error) < 6 or min(levels, default=0) < 2 or max(levels) < 3:
        raise CannotSay("The law needs 6 points: two sizes and two token counts, and three of one of them.")
    if np.ptp(error) < 1e-12:
        raise CannotSay("The error is the same at every size and token count, so no exponent can be told.")
    return size, tokens, error


def solved(x_N2: Floats, error_N: Floats, start: Floats) -> Floats:
    """Log A, alpha, beta, D of least squares; dogbox because half of the solutions lie on the bound D = 0."""
    lower, upper = [-20.0, 0.0, 0.0, 0.0], [5.0, 5.0, 5.0, float(max(error_N.min(), 1e-6))]
    inside = np.clip(start, np.array(lower) + 1e-8, np.array(upper) - 1e-8)
    solution = least_squares(
        lambda q: error_at(q, x_N2) - error_N,
        inside,
        jac=lambda q: slopes_at(q, x_N2),  # pyright: ignore[reportArgumentType]
        bounds=(lower, upper),
        method="dogbox",
        xtol=1e-12,
    )
    return np.asarray(solution.x)


def error_at(q_4: Floats, x_N2: Floats) -> Floats:
    """A / (N^alpha V^beta) + D at points (log N, log V)."""
    return np.exp(q_4[0] - x_N2 @ q_4[1:3]) + q_4[3]


def slopes_at(q_4: Floats, x_N2: Floats) -> Floats:
    """Its derivatives by log A, alpha, beta and D."""
    power = np.exp(q_4[0] - x_N2 @ q_4[1:3])[:, None]
    return np.hstack([power, -power * x_N2, np.ones_like(power)])
