"""Intervals of the report: the percentiles of statistics over questions drawn with replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 2000
"""Bootstrap draws behind every interval of the report."""

Range = tuple[float, float | None]
"""The ends of a 95 % interval; None above: without end."""


def outward(values_D: ArrayLike) -> Range:
    """The 2.5th and 97.5th percentile of a statistic's draws, each the next order statistic outwards.

    A statistic may be infinite in some draws, such as dollars per right answer where none is right; the interval
    then has no upper end.

    Args:
        values_D: one value a draw, not NaN.

    Returns:
        The ends.

    Source:
        As in `outlay.stats.bootstrap`.

    Example:
        >>> outward([1.0, 2.0, float("inf")])
        (1.0, None)
    """
    values = np.asarray(values_D, float)
    low = float(np.quantile(values, 0.025, method="lower"))
    high = float(np.quantile(values, 0.975, method="higher"))
    return low, high if np.isfinite(high) else None
