"""The checked flags of recorded samples as counts, and the refusals that they share."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


class Counts(Struct, frozen=True):
    """Of `samples` recorded samples a question: how many were accepted, and accepted and right."""

    samples: int
    accepted_Q: NDArray[np.int64]
    right_Q: NDArray[np.int64]


def flags(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """The values as True or False; anything else, NaN and missing ones included, is refused."""
    array = np.asarray(values)
    if array.dtype != np.bool_:
        if array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all():
            raise UsageError(
                f"{name} must be 0 or 1 for every sample: leave out samples without a verdict or label"
            )
        array = array.astype(bool)
    return array


def counts(accepted_QS: ArrayLike, correct_QS: ArrayLike) -> Counts:
    """The counts of each question."""
    accepted, correct = flags("accepted_QS", accepted_QS), flags("correct_QS", correct_QS)
    if accepted.ndim != 2 or accepted.shape != correct.shape or not accepted.size:
        raise UsageError("accepted_QS and correct_QS need the same shape (questions, samples), not empty")
    return Counts(accepted.shape[1], accepted.sum(axis=1), (accepted & correct).sum(axis=1))


def costs(wrong: float, try_cost: float) -> None:
    """Refuse costs that are negative or not finite."""
    if not (0 <= wrong < np.inf and 0 <= try_cost < np.inf):
        raise UsageError(f"wrong and try_cost must be finite and not negative, not {wrong} and {try_cost}")
