"""The counts that sub-pool expectations start from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError

MOST_SAMPLES = 1000
"""Beyond this C(n, n / 2) leaves the range of a float."""


class Tally(Struct, frozen=True):
    """Answer classes of each question, numbered 0, 1, … by their first voter; -1 stays what cannot vote."""

    class_QS: NDArray[np.int64]
    value_QS: NDArray[np.float64]
    """The share of right flags in the class of each voter; 0 for what cannot vote."""
    count_QC: NDArray[np.int64]
    """Voters of each class, 0 beyond a question's last class."""
    right_QC: NDArray[np.float64]
    """The share of right flags of each class."""


def tally(class_QS: ArrayLike, correct_QS: ArrayLike) -> Tally:
    """The classes of each question with their counts and shares of right flags."""
    codes, correct = np.asarray(class_QS), np.asarray(correct_QS, float)
    if codes.ndim != 2 or codes.shape != correct.shape:
        raise UsageError("class_QS and correct_QS need the same shape (questions, samples)")
    if np.isnan(correct).any() or (codes.dtype.kind == "f" and np.isnan(codes).any()):
        raise UsageError(
            "every sample needs a class and a right or wrong: leave out those without; -1 cannot vote"
        )
    numbered = np.full(codes.shape, -1, np.int64)
    for row, out in zip(codes, numbered, strict=True):
        seen: dict[int, int] = {}
        out[:] = [seen.setdefault(c, len(seen)) if c >= 0 else -1 for c in row.tolist()]
    hot_QSC = one_hot(numbered)
    count_QC = hot_QSC.sum(axis=1)
    right_QC = np.einsum("qsc,qs->qc", hot_QSC, correct) / np.maximum(count_QC, 1)
    value_QS = np.einsum("qsc,qc->qs", hot_QSC, right_QC)
    return Tally(numbered, value_QS, count_QC.astype(np.int64), right_QC)


def one_hot(class_QS: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where a sample (second axis) belongs to a class (third axis)."""
    classes = max(int(class_QS.max(initial=-1)) + 1, 1)
    return (class_QS[:, :, None] == np.arange(classes)).astype(np.float64)


def budgets(ks: Sequence[int], samples: int) -> list[int]:
    """`ks` as a list, checked against the number of recorded samples."""
    if not ks or min(ks) < 1 or max(ks) > samples:
        raise UsageError(f"the budgets must lie between 1 and the {samples} recorded samples, not {list(ks)}")
    if samples > MOST_SAMPLES:
        raise UsageError(f"at most {MOST_SAMPLES} samples a question, not {samples}")
    return list(ks)


def scores(class_QS: NDArray[np.int64], score_QS: ArrayLike) -> NDArray[np.float64]:
    """The scores of the voters, checked; 0 for what cannot vote."""
    score = np.where(class_QS >= 0, np.asarray(score_QS, float), 0.0)
    if not np.isfinite(score).all():
        raise UsageError("every sample that can vote needs a finite score")
    return score
