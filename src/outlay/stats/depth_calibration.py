"""How well scores given on the way tell chains that end right from those that end wrong, depth by depth."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from outlay.errors import UsageError
from outlay.stats.calibration import brier


class Depth(Struct, frozen=True, omit_defaults=True):
    """The scores of one depth against what became of the chains.

    `auc` is the chance that a chain that ends right scored above one that ends wrong (ties half); None, with `low` and
    `high`, where one of the two kinds is missing.
    """

    depth: int
    n: int
    n_right: int
    brier: float
    auc: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def beats_chance(self) -> bool | None:
        """Whether the interval lies above one half; None where it cannot be said."""
        return None if self.low is None else self.low > 0.5


def depth_calibration(
    depth_N: ArrayLike, score_N: ArrayLike, right_N: ArrayLike, *, confidence: float = 0.95
) -> tuple[Depth, ...]:
    """AUC and Brier score of the scores at each depth, AUC = (sum of ranks of right - m (m + 1) / 2) / (m (n - m)).

    The interval takes chains as independent. Several chains of one question are not, so it is too narrow then: draw few
    chains of many questions. Chains that are over no longer count at later depths, so depths hold different chains.

    Args:
        depth_N: the depth of each score, from 1.
        score_N: the score, in [0, 1].
        right_N: whether its chain ended right, 0 or 1.
        confidence: of the two-sided interval of the AUC.

    Returns:
        One entry for each depth there is, by depth.

    Raises:
        UsageError: no scores, unequal lengths, a score or an outcome out of bounds, or NaN.

    Source:
        Hanley and McNeil 1982 (AUC, its standard error by the exponential approximation); Brier 1950. The interval is
        on the plain scale, clipped to [0, 1]. With all scores of one kind above the other the error is taken as that of
        an AUC moved by half a pair, since the formula's is 0: our choice.

    Example:
        >>> (found,) = depth_calibration([1, 1, 1, 1], [0.9, 0.8, 0.3, 0.85], [1, 1, 0, 0])
        >>> print(f"{found.auc:.2f} {found.beats_chance}")
        0.75 False
    """
    depth, score, right = np.asarray(depth_N), np.asarray(score_N, float), np.asarray(right_N, float)
    if not len(depth) or not depth.shape == score.shape == right.shape or depth.ndim != 1:
        raise UsageError("A calibration by depth needs as many scores and outcomes as depths, at least one.")
    if not (((score >= 0) & (score <= 1)).all() and np.isin(right, (0.0, 1.0)).all()):
        raise UsageError("Scores must be between 0 and 1 and outcomes 0 or 1.")
    z = float(norm.ppf(0.5 + confidence / 2))
    return tuple(_depth(int(d), score[depth == d], right[depth == d], z) for d in np.unique(depth))


def _depth(depth: int, score: np.ndarray, right: np.ndarray, z: float) -> Depth:
    n, m = len(score), int(right.sum())
    plain = Depth(depth, n, m, brier(score, right))
    if m in (0, n):
        return plain
    ranks = rankdata(score)
    pairs = m * (n - m)
    auc = float((ranks[right == 1.0].sum() - m * (m + 1) / 2) / pairs)
    error = _error(min(max(auc, 0.5 / pairs), 1 - 0.5 / pairs), m, n - m)
    return Depth(depth, n, m, plain.brier, auc, max(auc - z * error, 0.0), min(auc + z * error, 1.0))


def _error(auc: float, m: int, k: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (m - 1) * (q1 - auc**2) + (k - 1) * (q2 - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (m * k)))
