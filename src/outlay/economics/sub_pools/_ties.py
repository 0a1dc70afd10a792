"""The expected share of the right classes among tied winners, summed over all sub-pools of every size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Factor = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""A class that may win: the ways in which it does not and in which it does, and how right it is.

Ways are polynomials in the sub-pool size, one row a question."""


def shared(rest_QK: NDArray[np.float64], factors: Iterable[Factor], most_tied: int) -> NDArray[np.float64]:
    """Sum over sub-pools of (right classes among the winners) / (winners), one column a sub-pool size 0 … K.

    The winners' number T enters as 1 / T = ∫_0^1 t^(T - 1) dt: each winner but one carries a factor t, and
    Gauss-Legendre nodes integrate the polynomial exactly. Two running polynomials do it in one pass over the
    classes: without a marked winner, and with one marked and weighed by how right it is. All terms are
    positive, so nothing cancels.

    Args:
        rest_QK: the ways to take j samples that belong to none of the classes.
        factors: the classes.
        most_tied: the most winners that can be in one sub-pool.
    """
    nodes, weights = np.polynomial.legendre.leggauss((most_tied + 1) // 2)
    t_G, weight_G = (nodes + 1) / 2, weights / 2
    unmarked = np.repeat(rest_QK[:, None, :], len(t_G), axis=1)
    marked = np.zeros_like(unmarked)
    for without, within, right in factors:
        out, inside = _times(unmarked, without), _times(unmarked, within)
        marked = _times(marked, without) + t_G[:, None] * _times(marked, within) + right[:, None, None] * inside
        unmarked = out + t_G[:, None] * inside
    return np.einsum("qgk,g->qk", marked, weight_G)


def _times(poly_QGK: NDArray[np.float64], by_QJ: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product of polynomials up to degree K."""
    product = np.zeros_like(poly_QGK)
    length = poly_QGK.shape[2]
    for j in np.flatnonzero(by_QJ.any(axis=0))[:length]:
        product[:, :, j:] += by_QJ[:, j, None, None] * poly_QGK[:, :, : length - j]
    return product
