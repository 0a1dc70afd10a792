"""Counting sub-pools: binomial coefficients and their ratios."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray


def binomials(n: int, most: int) -> NDArray[np.float64]:
    """C(i, j) for i = 0 … n (rows) and j = 0 … most (columns)."""
    return np.array([[float(comb(i, j)) for j in range(most + 1)] for i in range(n + 1)])


def none_of(marked_Q: NDArray[np.int64], samples: int, ks: Sequence[int]) -> NDArray[np.float64]:
    """C(n - marked, k) / C(n, k): no marked sample among k."""
    j = np.arange(max(ks))
    factors = np.maximum(samples - marked_Q[:, None] - j, 0.0) / (samples - j)
    running = np.concatenate([np.ones((len(marked_Q), 1)), factors.cumprod(axis=1)], axis=1)
    return running[:, np.asarray(ks)]
