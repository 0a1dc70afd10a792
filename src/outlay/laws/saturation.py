"""Repeated or rethought attempts as a curve with a ceiling, and the try after which one more does not pay."""

from __future__ import annotations

from math import expm1, log1p

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from outlay.errors import CannotSay, UsageError
from outlay.laws import _pools
from outlay.laws._curve_fit import Curve, fitted
from outlay.laws._result import FormTest, Prediction
from outlay.laws._stopping_point import best_tries, saturation_point
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]
__all__ = ["Fit", "best_tries", "fit", "fit_rounds", "saturation_point"]


BENT = 0.3
"""The share of its ceiling that a measured curve must reach; below it is still straight, and the ceiling a guess."""


class Fit(Struct, frozen=True):
    """F(N) = ceiling (1 - (1 - rate)^N), with the data it came from.

    `draws` are the (ceiling, rate) of the fits to questions drawn with replacement; every interval is their
    percentiles, because a ceiling near 1 has no normal law.
    """

    ceiling: float
    rate: float
    draws: tuple[tuple[float, float], ...]
    tries: int
    """The largest N measured."""
    questions: int
    form: FormTest
    level: float = 0.95

    def predict(self, n: float) -> Prediction:
        """The share of right answers F(n) after n tries or rounds, n > 0, with its interval; warns past the data.

        Raises:
            UsageError: n is not above 0, or infinite.
        """
        if not 0 < n < np.inf:
            raise UsageError(f"saturation needs a number of tries above 0 and finite, not {n}")
        top_K, rate_K = np.array(self.draws).T
        value = self.ceiling * -expm1(n * log1p(-self.rate))
        interval = self._percentiles(top_K * -np.expm1(n * np.log1p(-rate_K)))
        return Prediction(value, interval, self._warning(n))

    def invert(self, share: float) -> Prediction:
        """The tries ln(1 - share / ceiling) / ln(1 - rate) that reach a share of right answers; round up to buy.

        The interval is infinite at its high end where draws with a lower ceiling are common.

        Raises:
            UsageError: the share is not above 0.
            CannotSay: the share is not below the ceiling: no number of tries reaches it.
        """
        if not share > 0:
            raise UsageError(f"the share of right answers must be above 0, not {share}")
        if share >= self.ceiling:
            raise CannotSay(f"no number of tries reaches {share}: the ceiling is {self.ceiling:.4g}")
        n = log1p(-share / self.ceiling) / log1p(-self.rate)
        top_K, rate_K = np.array(self.draws).T
        reached = share < top_K
        n_K = np.where(reached, np.log1p(-np.where(reached, share / top_K, 0.0)) / np.log1p(-rate_K), np.inf)
        return Prediction(n, self._percentiles(n_K), self._warning(n))

    @property
    def ceiling_interval(self) -> Interval:
        """The interval of the ceiling."""
        return self._percentiles(np.array(self.draws)[:, 0])

    @property
    def rate_interval(self) -> Interval:
        """The interval of the rate."""
        return self._percentiles(np.array(self.draws)[:, 1])

    def _percentiles(self, values_K: Floats) -> Interval:
        tail = (1 - self.level) / 2
        low = np.quantile(values_K, tail, method="lower")
        return Interval(float(low), float(np.quantile(values_K, 1 - tail, method="higher")), self.level)

    def _warning(self, n: float) -> str:
        said = []
        if n > self.tries:
            said.append(f"{n:.4g} tries are more than the {self.tries} measured")
            if self.form.wrong:
                said.append("the form does not fit the data that it was fitted on")
        return "; ".join(said)


def fit(right_Q: ArrayLike, samples_Q: ArrayLike, *, seed: int, draws: int = 200, level: float = 0.95) -> Fit:
    """The curve of least squares through the chance of a right one among N = 1, 2, 4, … samples of a pool.

    It presumes one rate for all questions that can be solved at all. Where rates differ the curve bends slower:
    early gains come out too high and the tail too low, `form` says so, and `coverage_beta` fits.

    Args:
        right_Q: right samples of each question, whole numbers, at least two questions.
        samples_Q: samples of each question, from 3; one number for all is allowed. The curve is measured up to
            the smallest.
        seed: seed of the bootstrap over questions.
        draws: bootstrap draws, for the intervals and the test of the form.
        level: coverage of the intervals.

    Returns:
        The fit.

    Raises:
        UsageError: counts that are not whole numbers in their range, or a level outside (0, 1).
        CannotSay: one question, fewer than 3 samples, fewer than 2 questions with right and wrong samples, or a
            curve so straight that ceiling and rate cannot be told apart.

    Source:
        Wang et al. 2025 (arXiv 2505.20522), parallel mode; how F_max and p are estimated was not found, least
        squares with both free is ours.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> found = fit(rng.binomial(32, np.where(rng.random(300) < 0.9, 0.2, 0.0)), 32, seed=1)
        >>> print(f"{found.ceiling:.2f} {found.rate:.2f}")
        0.91 0.20
    """
    right, samples = _pools.counts(right_Q, samples_Q)
    most, mixed = int(samples.min()), _pools.mixed(right, samples)
    if most < 3 or mixed < 2:
        raise CannotSay(
            "a saturation curve needs 3 samples of every question and 2 questions with right and wrong samples; "
            f"there are {most} and {mixed}"
        )
    n_G = np.unique([*(2**i for i in range(most.bit_length())), most])
    return _fitted(n_G, _pools.coverage_table(right, samples, n_G), draws, seed, level)


def fit_rounds(right_QR: ArrayLike, *, seed: int, draws: int = 200, level: float = 0.95) -> Fit:
    """The curve of least squares through the share of right answers after N rounds of rethinking.

    Rounds may also spoil right answers: with chance g that a round repairs and l that it spoils, the ceiling is
    g / (g + l) and the rate g + l, so the two-number curve still holds. Only questions whose first answer is
    wrong count.

    Args:
        right_QR: whether the answer was right, 0 or 1; the first column is the first answer, each further one a
            round. At least four columns and two questions that start wrong.
        seed: seed of the bootstrap over questions.
        draws: bootstrap draws.
        level: coverage of the intervals.

    Returns:
        The fit; its N counts rounds after the first answer.

    Raises:
        UsageError: no table of 0 and 1, or a level outside (0, 1).
        CannotSay: fewer than four columns or two questions that start wrong, no round that repaired one, or a
            curve too straight.

    Source:
        Wang et al. 2025, sequential mode (right is absorbing there); the loss of right answers is ours.

    Example:
        >>> fit_rounds([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]] * 5, seed=1).questions
        20
    """
    right = np.asarray(right_QR, float)
    if right.ndim != 2 or not np.isin(right, (0, 1)).all():
        raise UsageError("rounds need a table of 0 and 1, questions by rounds")
    started_wrong = right[right[:, 0] == 0, 1:] if right.shape[1] else right
    if len(started_wrong) < 2 or started_wrong.shape[1] < 3 or not started_wrong.any():
        raise CannotSay(
            "rounds of rethinking need at least two questions that start wrong, three rounds after the first "
            "answer, and one repaired answer"
        )
    n_G = np.arange(1, started_wrong.shape[1] + 1)
    return _fitted(n_G, started_wrong, draws, seed, level)


def _fitted(n_G: NDArray, table_QG: Floats, draws: int, seed: int, level: float) -> Fit:
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    found = fitted(RISE, n_G.astype(float), table_QG, draws=draws, seed=seed)
    top, rate = (float(v) for v in _unbound(found.free_P))
    tries = int(n_G[-1])
    reached = -expm1(tries * log1p(-rate))
    if reached < BENT:
        raise CannotSay(
            f"the curve reaches {reached:.2g} of its ceiling within {tries} tries and is still almost straight, so "
            "ceiling and rate cannot be told apart: add tries"
        )
    drawn = tuple((float(c), float(r)) for c, r in _unbound(found.free_KP))
    return Fit(top, rate, drawn, tries, len(table_QG), found.form, level)


def _start(n_G: Floats, seen_KG: Floats) -> Floats:
    top = np.clip(seen_KG.max(axis=1) + 0.01, 0.02, 0.99)
    return np.stack([logit(top), logit(np.clip(seen_KG[:, 0] / top, 0.01, 0.98))], axis=1)


def _unbound(free: Floats) -> Floats:
    return expit(np.clip(free, -30, 30))


def _value(free_KP: Floats, n_G: Floats) -> Floats:
    top, rate = _unbound(free_KP).T[:, :, None]
    return top * -np.expm1(n_G * np.log1p(-rate))


def _slopes(free_KP: Floats, n_G: Floats) -> Floats:
    top, rate = _unbound(free_KP).T[:, :, None]
    by_top = top * (1 - top) * -np.expm1(n_G * np.log1p(-rate))
    return np.stack([by_top, top * n_G * (1 - rate) ** n_G * rate], axis=2)


RISE = Curve(_start, _value, _slopes)
"""The curve in (logit ceiling, logit rate)."""
