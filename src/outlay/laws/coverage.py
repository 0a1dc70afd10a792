"""Coverage by repeated sampling as an exponentiated power law: how many samples the next questions need."""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.laws import _pools
from outlay.laws._curve_fit import Curve, Fitted, fitted, grid, least_squares
from outlay.laws._result import FormTest, Prediction
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]


class Fit(Struct, frozen=True):
    """c(k) = exp(a k^b), a < 0 and b < 0, with the data it came from.

    `covariance` is that of (ln -a, b) over questions: entries aa, ab, bb.
    """

    a: float
    b: float
    covariance: tuple[float, float, float]
    samples: int
    """The largest k measured."""
    questions: int
    mixed: int
    """Questions with a right and a wrong sample."""
    form: FormTest
    level: float = 0.95

    def predict(self, k: float) -> Prediction:
        """The coverage exp(a k^b) with k samples a question, k > 0, with its interval.

        The interval speaks of the curve, given that the form is right, for new questions like these. Beyond the
        samples measured it is prolonged; beyond ten times them it carries a warning (our choice).

        Raises:
            UsageError: k is not above 0, or infinite.
            CannotSay: k is beyond the samples measured, and fewer than 20 questions have both right and wrong
                samples: take `coverage_beta` there.
        """
        if not 0 < k < np.inf:
            raise UsageError(f"coverage needs a number of samples above 0 and finite, not {k}")
        self._refuse(k)
        y, error = log(-self.a) + self.b * log(k), self._error(log(k))
        low, high = (exp(-exp(y + sign * self._z * error)) for sign in (1, -1))
        return Prediction(exp(-exp(y)), Interval(low, high, self.level), self._warning(k))

    def invert(self, coverage: float) -> Prediction:
        """The samples (ln c / a)^(1 / b) that reach a coverage strictly between 0 and 1; round up to buy.

        Raises:
            UsageError: the coverage is not strictly between 0 and 1.
            CannotSay: as for `predict`, or the curve is flat, or more than 1e300 samples would be needed.
        """
        if not 0 < coverage < 1:
            raise UsageError(f"coverage must be strictly between 0 and 1, not {coverage}")
        log_k = (log(-log(coverage)) - log(-self.a)) / self.b
        if not log_k < 690:
            raise CannotSay(f"the curve is too flat: no number of samples can be named for coverage {coverage}")
        k = exp(log_k)
        self._refuse(k)
        reach = min(self._z * self._error(log_k) / -self.b, 690 - log_k)
        return Prediction(k, Interval(k * exp(-reach), k * exp(reach), self.level), self._warning(k))

    def sibling(self, k: float, pass_at_1: float) -> Prediction:
        """The coverage pass_at_1^(k^b) of another model of the family, of which only pass@1 is known.

        Inside one family and task the curves have one shape in ln k, shifted; the shift keeps b. No interval:
        how far siblings differ is not in these data.

        Raises:
            UsageError: k is not above 0, or pass_at_1 not strictly between 0 and 1.
        """
        if not (k > 0 and 0 < pass_at_1 < 1):
            raise UsageError("a sibling's coverage needs k above 0 and a pass@1 strictly between 0 and 1")
        said = self._warning(k) or "taken from another model of the family, not measured"
        return Prediction(exp(log(pass_at_1) * k**self.b), None, said)

    @property
    def _z(self) -> float:
        return NormalDist().inv_cdf((1 + self.level) / 2)

    def _error(self, log_k: float) -> float:
        aa, ab, bb = self.covariance
        return sqrt(max(0.0, aa + 2 * log_k * ab + log_k**2 * bb))

    def _refuse(self, k: float) -> None:
        if k > self.samples and self.mixed < _pools.MIXED_AT_LEAST:
            raise CannotSay(
                f"{self.mixed} questions have both right and wrong samples; prolonging the curve beyond "
                f"{self.samples} samples needs at least {_pools.MIXED_AT_LEAST}: add questions, or use coverage_beta"
            )

    def _warning(self, k: float) -> str:
        return _pools.warning(k, self.samples, mixed=self.mixed, wrong=self.form.wrong)


def fit(right_Q: ArrayLike, samples_Q: ArrayLike, *, seed: int, draws: int = 200, level: float = 0.95) -> Fit:
    """The power law ln c(k) = a k^b of least squares through the unbiased coverage of a pool.

    Coverage is what a perfect check would make of k samples. The law presumes success rates whose density near
    0 is p^(-b - 1); with equal rates it does not hold, and `form` says so. Zero-success questions make fits on
    few samples pessimistic: compare `coverage_beta`.

    Args:
        right_Q: right samples of each question, whole numbers, at least two questions.
        samples_Q: samples of each question, from 2; one number for all is allowed. The curve is measured up to
            the smallest.
        seed: seed of the bootstrap over questions.
        draws: bootstrap draws, for the covariance and the test of the form.
        level: coverage of the intervals.

    Returns:
        The fit.

    Raises:
        UsageError: counts that are not whole numbers in their range, or a level outside (0, 1).
        CannotSay: one question, fewer than 3 samples, or fewer than 2 questions with right and wrong samples.

    Cost:
        Time and memory linear in questions; 40 coverages a question.

    Source:
        Brown et al. 2024 (arXiv 2407.21787), section 3.1: coverage at 40 points evenly spaced in ln k, least
        squares on c. Start values were not found: ours is the line ln(-ln c) = ln(-a) + b ln k. The bootstrap
        covariance, the interval on ln(-ln c) and the test of the form are ours.

    Example:
        >>> import numpy as np
        >>> right = np.random.default_rng(1).binomial(64, np.random.default_rng(2).beta(0.3, 2, size=400))
        >>> print(f"{fit(right, 64, seed=1).predict(512).value:.2f}")
        0.83
    """
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    right, samples = _pools.counts(right_Q, samples_Q)
    most, mixed = int(samples.min()), _pools.mixed(right, samples)
    if most < 3 or mixed < 2:
        raise CannotSay(
            f"a power law needs 3 samples of every question and 2 questions with right and wrong samples; there are "
            f"{most} and {mixed}"
        )
    k_G = grid(most)
    found = fitted(POWER, k_G.astype(float), _pools.coverage_table(right, samples, k_G), draws=draws, seed=seed)
    return _fit(found, most, len(right), mixed, level)


def power_law(k_G: ArrayLike, coverage_G: ArrayLike) -> tuple[float, float]:
    """The (a, b) of least squares of exp(a k^b) through a published curve, without any data behind it.

    Args:
        k_G: numbers of samples, above 0, at least two different ones.
        coverage_G: their coverages, strictly between 0 and 1.

    Returns:
        a and b, both negative.

    Raises:
        UsageError: unequal lengths, or values out of range.
        CannotSay: fewer than two different numbers of samples.

    Source:
        As for `fit`.

    Example:
        >>> a, b = power_law([1, 16, 1024, 10000], [0.165299, 0.505568, 0.852912, 0.930848])
        >>> print(f"{a:.2f} {b:.2f}")
        -1.80 -0.35
    """
    k, coverage = np.asarray(k_G, float), np.asarray(coverage_G, float)
    if (
        k.ndim != 1
        or k.shape != coverage.shape
        or not ((k > 0).all() and ((coverage > 0) & (coverage < 1)).all())
    ):
        raise UsageError("a power law needs numbers of samples above 0 and coverages strictly between 0 and 1")
    if len(np.unique(k)) < 2:
        raise CannotSay("a power law needs coverages at two different numbers of samples at least")
    scale, log_slope = least_squares(POWER, k, coverage[None, :])[0]
    return -exp(scale), -exp(log_slope)


def _fit(found: Fitted, samples: int, questions: int, mixed: int, level: float) -> Fit:
    scale, log_slope = found.free_P
    b = -exp(log_slope)
    # From (ln -a, ln -b) to (ln -a, b), in which ln(-ln c) is linear.
    turn = np.diag([1.0, b])
    covariance = turn @ np.cov(found.free_KP.T) @ turn
    entries = (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1]))
    return Fit(-exp(scale), b, entries, samples, questions, mixed, found.form, level)


def _start(k_G: Floats, seen_KG: Floats) -> Floats:
    y = np.log(-np.log(np.clip(seen_KG, 1e-9, 1 - 1e-9)))
    log_k = np.log(k_G) - np.log(k_G).mean()
    b = np.minimum((y * log_k).sum(axis=1) / (log_k**2).sum(), -1e-3)
    return np.stack([y.mean(axis=1) - b * np.log(k_G).mean(), np.log(-b)], axis=1)


def _exponent(free_KP: Floats, k_G: Floats) -> Floats:
    return np.exp(np.clip(free_KP[:, :1] - np.exp(free_KP[:, 1:]) * np.log(k_G), -700, 700))


def _value(free_KP: Floats, k_G: Floats) -> Floats:
    return np.exp(-_exponent(free_KP, k_G))


def _slopes(free_KP: Floats, k_G: Floats) -> Floats:
    exponent = _exponent(free_KP, k_G)
    by_scale = -exponent * np.exp(-exponent)
    return np.stack([by_scale, -by_scale * np.exp(free_KP[:, 1:]) * np.log(k_G)], axis=2)


POWER = Curve(_start, _value, _slopes)
"""exp(-e^u k^(-e^v)) in u = ln(-a), v = ln(-b)."""
