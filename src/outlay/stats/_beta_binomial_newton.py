"""The likelihood of counts under a Beta law, maximised for many tables at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 200
CLOSE = 1e-10


def maximise(right_KN: Floats, wrong_KN: Floats, samples_KN: Floats, *, most: float) -> Floats:
    """The (ln alpha, ln beta) of most likelihood for each of K tables, by damped Newton steps.

    With A_j, B_j, T_j the numbers of questions with more than j right, wrong and all samples, the log
    likelihood is sum_j A_j ln(alpha + j) + B_j ln(beta + j) - T_j ln(alpha + beta + j). Both logarithms are
    kept in [-most, most].
    """
    tails = (right_KN, wrong_KN, samples_KN)
    at = np.tile(np.log([0.5, 0.5]), (len(right_KN), 1))
    damping = np.full(len(at), 1e-3)
    value, slope, bend = _likelihood(at, *tails)
    for _ in range(ROUNDS):
        step = _step(slope, bend, damping)
        moved = np.clip(at + np.clip(step, -2, 2), -most, most)
        new_value, new_slope, new_bend = _likelihood(moved, *tails)
        better = new_value >= value
        done = np.abs(moved - at).max(axis=1) < CLOSE
        damping = np.where(better, np.maximum(damping / 5, 1e-9), np.minimum(damping * 10, 1e9))
        at[better], value[better], slope[better], bend[better] = (
            moved[better],
            new_value[better],
            new_slope[better],
            new_bend[better],
        )
        if done.all():
            break
    return at


def _likelihood(log_KP: Floats, right_KN: Floats, wrong_KN: Floats, samples_KN: Floats):
    """Value, gradient and the entries (aa, ab, bb) of the Hessian in (ln alpha, ln beta)."""
    a, b = np.exp(log_KP).T
    j = np.arange(right_KN.shape[1])
    at_a, at_b, at_s = a[:, None] + j, b[:, None] + j, (a + b)[:, None] + j
    value = (right_KN * np.log(at_a) + wrong_KN * np.log(at_b) - samples_KN * np.log(at_s)).sum(axis=1)
    shared, shared_bend = (samples_KN / at_s).sum(axis=1), (samples_KN / at_s**2).sum(axis=1)
    slope_a = a * ((right_KN / at_a).sum(axis=1) - shared)
    slope_b = b * ((wrong_KN / at_b).sum(axis=1) - shared)
    aa = slope_a + a**2 * (shared_bend - (right_KN / at_a**2).sum(axis=1))
    bb = slope_b + b**2 * (shared_bend - (wrong_KN / at_b**2).sum(axis=1))
    return value, np.stack([slope_a, slope_b], axis=1), np.stack([aa, a * b * shared_bend, bb], axis=1)


def _step(slope_KP: Floats, bend_K3: Floats, damping_K: Floats) -> Floats:
    """Newton's step on the Hessian with its eigenvalues made negative, so that it always goes uphill."""
    aa, ab, bb = bend_K3.T
    middle, half = (aa + bb) / 2, np.hypot((aa - bb) / 2, ab)
    shift = np.maximum(middle + half, 0) * 1.5
    scale = np.abs(aa) + np.abs(bb) + 1e-12
    aa, bb = aa - shift - damping_K * scale, bb - shift - damping_K * scale
    determinant = aa * bb - ab**2
    x, y = slope_KP.T
    return -np.stack([bb * x - ab * y, aa * y - ab * x], axis=1) / determinant[:, None]
