"""Draw k answers and let a judge pick: how accuracy moves with k, and where more samples stop helping.

From scored pools: `fit` and `sweep`. In the solvable model of a judge: `best_of_k_error`, `perfect_judge_error`,
`many_answers_error`, `best_temperature`, `best_centre`, `warm_judge_error`, `remaining_variance`; use it for shapes and
tests, not for numbers of a language model.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.laws._gaussian_judge import (
    best_centre,
    best_of_k_error,
    best_temperature,
    many_answers_error,
    perfect_judge_error,
    remaining_variance,
    warm_judge_error,
)
from outlay.laws._judged_pools import best_scored, judged, softly_scored
from outlay.laws._result import FormTest, Prediction
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means

__all__ = [
    "Fit",
    "best_centre",
    "best_of_k_error",
    "best_temperature",
    "fit",
    "many_answers_error",
    "perfect_judge_error",
    "remaining_variance",
    "sweep",
    "warm_judge_error",
]

Floats = NDArray[np.float64]
ORDERS = 32
"""Random orders of a pool's samples behind a curve at a temperature above 0."""


class Fit(Struct, frozen=True):
    """The accuracy of a judge's choice among k = 1 … samples, question by question averaged.

    `form` tests "more samples never hurt this judge"; where it is wrong the judge is the limit (`judge_limited`).
    """

    accuracy: tuple[float, ...]
    """At k = 1, 2, …"""
    low: tuple[float, ...]
    high: tuple[float, ...]
    best_k: int
    """The least k within one standard error of the best accuracy."""
    temperature: float
    questions: int
    form: FormTest
    level: float = 0.95

    @property
    def samples(self) -> int:
        """The samples of each pool."""
        return len(self.accuracy)

    @property
    def single(self) -> float:
        """The accuracy of one sample, without any judge."""
        return self.accuracy[0]

    @property
    def judge_limited(self) -> bool:
        """Whether accuracy falls again beyond its best k, by more than the questions' chance."""
        return self.form.wrong

    def predict(self, k: int) -> Prediction:
        """The accuracy of the judge's choice among k samples, 1 … samples, with its interval.

        Raises:
            UsageError: k is not a whole number from 1.
            CannotSay: k is beyond the pool: which rare answers the judge overrates cannot be seen there, so a
                curve that still rises is no proof of a good judge.
        """
        if k != int(k) or k < 1:
            raise UsageError(f"a judge picks among a whole number of samples from 1, not {k}")
        if k > self.samples:
            raise CannotSay(
                f"the pools hold {self.samples} samples; what a judge does with {k} cannot be said from them"
            )
        i = int(k) - 1
        return Prediction(self.accuracy[i], Interval(self.low[i], self.high[i], self.level))


def fit(
    score_QS: ArrayLike,
    right_QS: ArrayLike,
    *,
    seed: int,
    temperature: float = 0.0,
    draws: int = 400,
    level: float = 0.95,
) -> Fit:
    """Mean over questions and subsets of sum_j w_j right_j, w_j = exp(score_j / T) / sum_l exp(score_l / T).

    Exact over all subsets at T = 0, with ties shared; averaged over 32 random orders of each pool above. There
    is no inverse: the curve may fall.

    Args:
        score_QS: the judge's scores, questions by samples, at least two of each; any finite scale.
        right_QS: whether each sample was right, in [0, 1], same shape.
        seed: seed of the orders and of the bootstrap over questions.
        temperature: T in units of the scores, from 0; only its ratio to the spread of the scores matters.
        draws: bootstrap draws.
        level: coverage of the intervals.

    Returns:
        The curve.

    Raises:
        UsageError: tables of different shapes, NaN, a negative temperature, or a level outside (0, 1).
        CannotSay: fewer than two questions or samples, or all samples right, or all wrong: a judge has no choice.

    Cost:
        Questions x samples^2 products; above T = 0 questions x samples x 32.

    Source:
        Halder and Pehlevan 2025 (arXiv 2512.19905), section 4. Their code takes the first of tied scores and a
        fresh pool for every k: we share ties and average over subsets. The rule for the best k (least within
        one standard error) and the test of a falling curve are ours.

    Example:
        >>> curve = fit([[9, 1, 1], [2, 8, 2], [5, 1, 9]], [[1, 0, 0], [0, 1, 0], [1, 0, 0]], seed=1)
        >>> [round(curve.predict(k).value, 3) for k in (1, 2, 3)]
        [0.333, 0.556, 0.667]
    """
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    score, right = judged(score_QS, right_QS)
    if right.min() == right.max():
        raise CannotSay("a judge's curve needs right and wrong samples; here all are alike")
    table_QK = _table(score, right, temperature, seed)
    mean_K = table_QK.mean(axis=0)
    means_DK = resampled_means(table_QK, draws=draws, seed=seed)
    error_K = means_DK.std(axis=0, ddof=1)
    best = int(mean_K.argmax())
    best_k = int(np.flatnonzero(mean_K >= mean_K[best] - error_K[best])[0]) + 1
    tail = (1 - level) / 2
    low = np.minimum(np.quantile(means_DK, tail, axis=0, method="lower"), mean_K)
    high = np.maximum(np.quantile(means_DK, 1 - tail, axis=0, method="higher"), mean_K)
    form = _never_hurts(mean_K, means_DK)
    mean, below, above = (tuple(row.tolist()) for row in (mean_K, low, high))
    return Fit(mean, below, above, best_k, temperature, len(table_QK), form, level)


def sweep(score_QS: ArrayLike, right_QS: ArrayLike, *, temperatures: ArrayLike, seed: int) -> Floats:
    """The accuracy of the judge's choice at each temperature (rows) and k = 1 … samples (columns).

    Args:
        score_QS: the judge's scores, questions by samples.
        right_QS: whether each sample was right.
        temperatures: from 0, at least one.
        seed: seed of the random orders, the same for every temperature.

    Returns:
        The means over questions, shape (temperatures, samples).

    Raises:
        UsageError: as for `fit`, or no temperature.
        CannotSay: as for `fit`.

    Source:
        As for `fit`; the published sweeps go over k up to 128 at T = 10 and T = 0 … 10 at k = 64.

    Example:
        >>> sweep([[9, 1], [2, 8]], [[1, 0], [0, 1]], temperatures=[0.0, 1e9], seed=1).round(3).tolist()
        [[0.5, 1.0], [0.5, 0.5]]
    """
    score, right = judged(score_QS, right_QS)
    asked = np.asarray(temperatures, float)
    if asked.ndim != 1 or not len(asked):
        raise UsageError("a sweep needs a list of temperatures, at least one")
    return np.stack([_table(score, right, float(t), seed).mean(axis=0) for t in asked])


def _table(score_QS: Floats, right_QS: Floats, temperature: float, seed: int) -> Floats:
    if not temperature >= 0:
        raise UsageError(f"the temperature must be 0 or more, not {temperature}")
    if temperature == 0:
        return best_scored(score_QS, right_QS)
    return softly_scored(score_QS, right_QS, temperature, orders=ORDERS, seed=seed)


def _never_hurts(mean_K: Floats, means_DK: Floats) -> FormTest:
    """The largest fall from some k to the last, in standard errors, against its bootstrap law without any fall."""
    fall_K, fall_DK = mean_K[:-1] - mean_K[-1], means_DK[:, :-1] - means_DK[:, -1:]
    error_K = fall_DK.std(axis=0, ddof=1)
    moved = error_K > 1e-12
    if not moved.any():
        return FormTest(1.0, False, "no question tells one number of samples from another")
    seen = float((fall_K[moved] / error_K[moved]).max())
    chance_D = ((fall_DK - fall_K)[:, moved] / error_K[moved]).max(axis=1)
    p_value = (1 + int((chance_D >= seen).sum())) / (1 + len(chance_D))
    best = int(mean_K.argmax())
    if p_value < 0.05:
        lost = 100 * (mean_K[best] - mean_K[-1])
        return FormTest(
            p_value,
            True,
            f"judge-limited: accuracy falls by {lost:.2g} points from k = {best + 1} to {len(mean_K)}",
        )
    return FormTest(p_value, False, f"no fall of accuracy up to k = {len(mean_K)} beyond the questions' chance")
