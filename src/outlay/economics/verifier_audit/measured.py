"""What an audit gives for each quantity: a number with its interval, or the reason why there is none."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.stats.interval import Interval


class Measured(Struct, frozen=True):
    """A measured number with its interval and the number of solutions that it rests on."""

    value: float
    interval: Interval
    n: int


class Labelled(Struct, frozen=True):
    """Checked solutions of one label: accepts and checks of each, and the question it belongs to."""

    accepts_P: NDArray[np.float64]
    checks_P: NDArray[np.float64]
    question_P: NDArray[np.int64]

    def of(self, chosen_P: NDArray[np.bool_]) -> Labelled:
        """The chosen solutions."""
        return Labelled(self.accepts_P[chosen_P], self.checks_P[chosen_P], self.question_P[chosen_P])

    def sums(self, value_P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of a value over the solutions of each question that occurs."""
        if not len(value_P):
            return np.zeros(0)
        cluster_P = np.unique(self.question_P, return_inverse=True)[1]
        sums_C = np.zeros(int(cluster_P.max()) + 1)
        np.add.at(sums_C, cluster_P, value_P)
        return sums_C
