"""What the best-scored of k samples is worth, from the ranks of all: a rank's weight is its chance to be the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_ranked(value_QS: Floats, score_QS: Floats, ks: Sequence[int]) -> Floats:
    """Sum over ranks i of value_(i) C(n - 1 - i, k - 1) / C(n, k), where samples that tie share their mean value.

    Args:
        value_QS: what each sample is worth.
        score_QS: the score of each; minus infinity ranks last.
        ks: sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, sizes).
    """
    weight_SK = np.stack([_rank_weights(score_QS.shape[1], k) for k in ks], axis=1)
    return np.array([_ranked(v, s) for v, s in zip(value_QS, score_QS, strict=True)]) @ weight_SK


def _ranked(value_S: Floats, score_S: Floats) -> Floats:
    """Values from the best score to the worst, tied ones replaced by their mean."""
    _, rank_S, count_R = np.unique(-score_S, return_inverse=True, return_counts=True)
    return np.repeat(np.bincount(rank_S, weights=value_S) / count_R, count_R)


def _rank_weights(n: int, k: int) -> Floats:
    """C(n - 1 - i, k - 1) / C(n, k) for ranks i = 0 … n - 1, by its recursion, which cannot overflow."""
    rank = np.arange(n - 1)
    ratio = np.maximum(n - k - rank, 0) / (n - 1 - rank)
    return k / n * np.concatenate([[1.0], ratio.cumprod()])
