"""A threshold with a guarantee from a calibration set, without any assumption about the scores."""

from __future__ import annotations

from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike

from outlay.errors import UsageError


def conformal_threshold(score_N: ArrayLike, *, miss: float) -> float:
    """The ceil((n + 1)(1 - miss))-th smallest calibration score; infinite if there is none.

    A new score, exchangeable with the calibration ones, is at most the threshold with probability at least
    1 - miss, and at most 1 - miss + 1 / (n + 1) without ties. The promise is on average over calibration sets
    and new cases, not for one set or one kind of question; exchangeable means one score a question. Fewer than
    1 / miss - 1 scores promise nothing: the threshold is infinite and everything passes.

    Args:
        score_N: nonconformity of right answers (higher is stranger), such as 1 - p_correct; not NaN.
        miss: the largest allowed share of right answers above the threshold, above 0 and below 1.

    Returns:
        The threshold, infinite where the data promise nothing.

    Raises:
        UsageError: NaN, no vector, or `miss` outside (0, 1).

    Source:
        Split conformal prediction: Papadopoulos et al. 2002; Lei et al. 2018, theorem 2.

    Example:
        >>> conformal_threshold(range(1, 20), miss=0.1), conformal_threshold([1, 2, 3], miss=0.1)
        (18.0, inf)
    """
    score = np.sort(np.asarray(score_N, float))
    if score.ndim != 1 or np.isnan(score).any():
        raise UsageError("a conformal threshold needs a list of scores without NaN")
    if not 0 < miss < 1:
        raise UsageError(f"miss must be above 0 and below 1, not {miss}")
    # Guards (n + 1)(1 - miss) against 18.000000000000004, which would skip a rank.
    rank = ceil((len(score) + 1) * (1 - miss) - 1e-9)
    return float(score[rank - 1]) if rank <= len(score) else inf
