"""Whether two changes do more together than apart: the difference in differences of a 2 x 2 design."""

from __future__ import annotations

from math import sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike
from scipy.stats import t as student

from outlay.errors import CannotSay, UsageError
from outlay.stats.interval import Interval


class Synergy(Struct, frozen=True):
    """How much more two changes do together than the sum of each alone.

    `amplification` is the joint gain over the sum of the single gains, None where that sum is not positive.
    """

    interaction: float
    interval: Interval
    p_value: float
    amplification: float | None
    questions: int


def difference_in_differences(
    neither_Q: ArrayLike, first_Q: ArrayLike, second_Q: ArrayLike, both_Q: ArrayLike, *, level: float = 0.95
) -> Synergy:
    """mean(both - first - second + neither) over the same questions, with Student's interval and p-value.

    0 for changes that add up; main effects alone, however large, never make it positive.

    Args:
        neither_Q: one number a question without either change, at least two questions.
        first_Q: with the first change alone, in the same order of questions.
        second_Q: with the second change alone.
        both_Q: with both.
        level: coverage of the interval, above 0 and below 1.

    Returns:
        The interaction, its interval and two-sided p-value, and the amplification.

    Raises:
        UsageError: unequal lengths, fewer than two questions, NaN, a level outside (0, 1).
        CannotSay: every question has the same interaction, so its spread is unknown.

    Source:
        Yaron et al. 2025 (arXiv 2510.25933), the 2 x 2 design of tuning and scaffold (amplification 5.1
        there). How their interval was taken was not found; Student's t over questions is ours.

    Example:
        >>> found = difference_in_differences([0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 0])
        >>> print(found.interaction, found.amplification)
        0.25 2.0
    """
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    cells = [np.asarray(cell, float) for cell in (neither_Q, first_Q, second_Q, both_Q)]
    n = len(cells[0]) if cells[0].ndim == 1 else 0
    if n < 2 or any(cell.shape != (n,) or not np.isfinite(cell).all() for cell in cells):
        raise UsageError("a 2 x 2 design needs finite values of four cells on the same questions, at least two")
    neither, first, second, both = cells
    values_Q = both - first - second + neither
    spread = float(values_Q.std(ddof=1))
    if spread <= 1e-12:
        raise CannotSay("every question has the same interaction, so its spread cannot be said from this data")
    interaction, error = float(values_Q.mean()), spread / sqrt(n)
    half = float(student.isf((1 - level) / 2, n - 1)) * error
    apart = float((first - neither).mean() + (second - neither).mean())
    return Synergy(
        interaction,
        Interval(interaction - half, interaction + half, level),
        2 * float(student.sf(abs(interaction) / error, n - 1)),
        float((both - neither).mean()) / apart if apart > 0 else None,
        n,
    )
