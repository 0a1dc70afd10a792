"""Holm's step-down correction for several comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """The max over j <= i of min(1, (m - j + 1) p_(j)): p-values corrected for m comparisons, in the given order.

    Rejecting those at most alpha keeps the chance of any false rejection at most alpha, whatever the
    dependence between the comparisons. Never larger than Bonferroni's m p.

    Args:
        p_values: one p-value a comparison, in [0, 1], at least one.

    Returns:
        The corrected p-values, same order.

    Raises:
        UsageError: no p-values, NaN, or one outside [0, 1].

    Source:
        Holm 1979.

    Example:
        >>> print(holm([0.01, 0.04, 0.03]))
        [0.03 0.06 0.06]
    """
    p = np.asarray(p_values, float)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise UsageError("holm needs at least one p-value, each between 0 and 1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
