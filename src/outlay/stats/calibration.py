"""How far stated probabilities are from what happened: Brier score and expected calibration error."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


class Bin(Struct, frozen=True):
    """The statements between `low` and `high`: how many, their mean, and the share that was right."""

    low: float
    high: float
    count: int
    stated: float
    right: float


class Calibration(Struct, frozen=True):
    """Brier score, expected and largest calibration error, and the filled bins they come from."""

    brier: float
    expected_error: float
    largest_error: float
    bins: tuple[Bin, ...]


def brier(p_N: ArrayLike, right_N: ArrayLike) -> float:
    """mean((p - right)^2): 0 for certain and right, 0.25 for always saying one half, 1 for certain and wrong.

    Args:
        p_N: stated probabilities, in [0, 1], at least one.
        right_N: whether it was right, in [0, 1].

    Returns:
        The score, in [0, 1].

    Raises:
        UsageError: nothing stated, unequal lengths, or values outside [0, 1].

    Source:
        Brier 1950, for two outcomes.

    Example:
        >>> print(f"{brier([0.8, 0.6], [1, 0]):.2f}")
        0.20
    """
    p, right = _checked(p_N, right_N)
    return float(((p - right) ** 2).mean())


def calibration(p_N: ArrayLike, right_N: ArrayLike, *, bins: int = 10) -> Calibration:
    """The sum over bins of (count / n) |share right - mean stated|, over `bins` equally wide bins of [0, 1].

    A bin holds its low edge and not its high one, the last bin both; empty bins are left out. The error
    depends on the bins and is biased upwards with few statements: n noisy statements in b bins show about
    sqrt(b / n) / 2 even when perfectly calibrated. The Brier score has neither fault.

    Args:
        p_N: stated probabilities, in [0, 1], at least one.
        right_N: whether it was right, in [0, 1].
        bins: number of bins, from 1.

    Returns:
        The scores and the bins.

    Raises:
        UsageError: nothing stated, unequal lengths, values outside [0, 1], or no bins.

    Source:
        Naeini et al. 2015; Guo et al. 2017 (arXiv 1706.04599), equation 3.

    Example:
        >>> print(f"{calibration([0.9, 0.9, 0.9, 0.9], [1, 1, 0, 1]).expected_error:.2f}")
        0.15
    """
    p, right = _checked(p_N, right_N)
    if bins < 1:
        raise UsageError(f"calibration needs at least one bin, not {bins}")
    place = np.minimum((p * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(count)
    stated = np.bincount(place, weights=p, minlength=bins)[filled] / count[filled]
    share = np.bincount(place, weights=right, minlength=bins)[filled] / count[filled]
    gap = np.abs(share - stated)
    rows = tuple(
        Bin(i / bins, (i + 1) / bins, int(count[i]), float(s), float(r))
        for i, s, r in zip(filled.tolist(), stated, share, strict=True)
    )
    return Calibration(brier(p, right), float((gap * count[filled]).sum() / len(p)), float(gap.max()), rows)


def _checked(p_N: ArrayLike, right_N: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p, right = np.asarray(p_N, float), np.asarray(right_N, float)
    if p.ndim != 1 or p.shape != right.shape or not len(p):
        raise UsageError("calibration needs as many outcomes as stated probabilities, at least one")
    if not (((p >= 0) & (p <= 1)).all() and ((right >= 0) & (right <= 1)).all()):
        raise UsageError("stated probabilities and outcomes must be between 0 and 1")
    return p, right
