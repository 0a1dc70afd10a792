"""Two-parameter curves fitted by least squares, to one curve or to all bootstrap draws of it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outlay.laws._form_test import form_test
from outlay.laws._result import FormTest
from outlay.stats.resampled_means import resampled_means

Floats = NDArray[np.float64]
ROUNDS = 100
CLOSE = 1e-12


class Curve(NamedTuple):
    """A curve in two free parameters: its start, value and slopes, for K parameter pairs at once."""

    start: Callable[[Floats, Floats], Floats]
    """(x_G, seen_KG) -> free_KP"""
    value: Callable[[Floats, Floats], Floats]
    """(free_KP, x_G) -> value_KG"""
    slopes: Callable[[Floats, Floats], Floats]
    """(free_KP, x_G) -> slope_KGP"""


def least_squares(curve: Curve, x_G: Floats, seen_KG: Floats) -> Floats:
    """The free parameters that minimise sum over x of (seen - value)^2, one pair a row of `seen_KG`.

    Levenberg and Marquardt's damped steps, all rows together. Deterministic.
    """
    free = curve.start(x_G, seen_KG)
    damping = np.full(len(free), 1e-3)
    rest = seen_KG - curve.value(free, x_G)
    loss = (rest**2).sum(axis=1)
    for _ in range(ROUNDS):
        slope = curve.slopes(free, x_G)
        pull = np.einsum("kgp,kg->kp", slope, rest)
        bend = np.einsum("kgp,kgq->kpq", slope, slope)
        scale = np.maximum(np.trace(bend, axis1=1, axis2=2), 1e-12)
        bend = bend + (damping * scale)[:, None, None] * np.eye(2)
        moved = free + np.clip(np.linalg.solve(bend, pull[:, :, None])[:, :, 0], -3, 3)
        new_rest = seen_KG - curve.value(moved, x_G)
        new_loss = (new_rest**2).sum(axis=1)
        better = new_loss <= loss
        done = ~better | (loss - new_loss <= CLOSE * (loss + CLOSE))
        free[better], rest[better], loss[better] = moved[better], new_rest[better], new_loss[better]
        stuck = damping > 1e6
        damping = np.where(better, np.maximum(damping / 5, 1e-12), damping * 10)
        if (done & (better | stuck)).all():
            break
    return free


class Fitted(NamedTuple):
    """Free parameters, those of the fits to questions drawn with replacement, and the test of the form."""

    free_P: Floats
    free_KP: Floats
    form: FormTest


def fitted(curve: Curve, x_G: Floats, table_QG: Floats, *, draws: int, seed: int) -> Fitted:
    """The curve through the mean of `table_QG` over questions, refitted on `draws` bootstrap draws of them."""
    means = resampled_means(table_QG, draws=draws, seed=seed)
    seen = np.vstack([table_QG.mean(axis=0), means])
    free = least_squares(curve, x_G, seen)
    rest = seen - curve.value(free, x_G)
    at = np.unique(np.searchsorted(x_G, np.geomspace(x_G[0], x_G[-1], 6)))
    return Fitted(free[0], free[1:], form_test(rest[0, at], rest[1:, at]))


def grid(most: int) -> NDArray[np.int64]:
    """40 whole numbers from 1 to `most`, evenly spaced in the logarithm, duplicates removed."""
    return np.unique(np.geomspace(1, most, 40).round().astype(np.int64))
