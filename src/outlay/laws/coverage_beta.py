"""Coverage by repeated sampling from Beta-distributed success rates: the form for small pools."""

from __future__ import annotations

from math import exp, inf

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betaln

from outlay.errors import CannotSay, UsageError
from outlay.laws import _pools
from outlay.laws._curve_fit import grid
from outlay.laws._form_test import form_test
from outlay.laws._result import FormTest, Prediction
from outlay.stats.beta_binomial import BetaBinomial, beta_binomial, beta_binomial_draws
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]


class Fit(Struct, frozen=True):
    """c(k) = 1 - B(alpha, beta + k) / B(alpha, beta), with the data it came from."""

    law: BetaBinomial
    samples: int
    """The largest number of samples of a question."""
    form: FormTest
    level: float = 0.95

    @property
    def alpha(self) -> float:
        """The exponent of the density of success rates near 0; the tail of the coverage falls as k^-alpha."""
        return self.law.alpha

    @property
    def beta(self) -> float:
        """The exponent of the density of success rates near 1."""
        return self.law.beta

    def predict(self, k: float) -> Prediction:
        """The coverage with k samples a question, k > 0, with its interval.

        Beyond ten times the samples, or beyond the samples with fewer than 20 questions that have both right and
        wrong ones, it carries a warning (our choice).

        Raises:
            UsageError: k is not above 0, or infinite.
        """
        if not 0 < k < np.inf:
            raise UsageError(f"coverage needs a number of samples above 0 and finite, not {k}")
        return Prediction(self.law.pass_at_k(k), self.law.pass_at_k_interval(k, self.level), self._warning(k))

    def invert(self, coverage: float) -> Prediction:
        """The samples that reach a coverage strictly between 0 and 1; round up to buy.

        The interval's ends are the samples at which the ends of `predict`'s interval reach the coverage; the
        high end is infinite where the low one never does within 1e15 samples.

        Raises:
            UsageError: the coverage is not strictly between 0 and 1.
            CannotSay: more than 1e15 samples would be needed.
        """
        if not 0 < coverage < 1:
            raise UsageError(f"coverage must be strictly between 0 and 1, not {coverage}")
        k = _crossing(self.law.pass_at_k, coverage)
        if k == inf:
            raise CannotSay(f"no number of samples can be named for coverage {coverage}: it is beyond 1e15")
        low = _crossing(lambda x: self.law.pass_at_k_interval(x, self.level).high, coverage)
        high = _crossing(lambda x: self.law.pass_at_k_interval(x, self.level).low, coverage)
        return Prediction(k, Interval(min(low, k), max(high, k), self.level), self._warning(k))

    def _warning(self, k: float) -> str:
        return _pools.warning(k, self.samples, mixed=self.law.mixed, wrong=self.form.wrong)


def fit(right_Q: ArrayLike, samples_Q: ArrayLike, *, seed: int, draws: int = 200, level: float = 0.95) -> Fit:
    """The Beta law of success rates of most likelihood, and the coverage that follows for any k.

    It uses every count, so it is not thrown off by questions without a success, and its interval held its level
    when prolonged four times in every planted Beta regime (`python bench/intervals.py`). Two clumps of questions
    (some always solved, some never) are not Beta: then `form` says so.

    Args:
        right_Q: right samples of each question, whole numbers, at least two questions.
        samples_Q: samples of each question, from 1; one number for all is allowed.
        seed: seed of the bootstrap over questions behind the test of the form.
        draws: bootstrap draws.
        level: coverage of the intervals.

    Returns:
        The fit.

    Raises:
        UsageError: counts that are not whole numbers in their range, or a level outside (0, 1).
        CannotSay: one question, one sample a question, or fewer than two questions with right and wrong samples.

    Cost:
        Time and memory linear in questions, then draws x the largest number of samples.

    Source:
        Our choice for small pools, beside the power law of Brown et al. 2024 (arXiv 2407.21787); why a
        density p^(alpha - 1) near 0 gives the power law's tail: Schaeffer et al. 2025 (arXiv 2502.17578).

    Example:
        >>> import numpy as np
        >>> right = np.random.default_rng(1).binomial(16, np.random.default_rng(2).beta(0.3, 2, size=400))
        >>> print(f"{fit(right, 16, seed=1).predict(64).value:.2f}")
        0.66
    """
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    right, samples = _pools.counts(right_Q, samples_Q)
    law = beta_binomial(right, samples)
    return Fit(law, int(samples.max()), _form(right, samples, law, draws, seed), level)


def _form(right: NDArray, samples: NDArray, law: BetaBinomial, draws: int, seed: int) -> FormTest:
    """Residuals of the unbiased coverage, up to the samples that every question has."""
    most = int(samples.min())
    if most < 3:
        return FormTest(1.0, False, f"the form cannot be tested with {most} samples of a question: it needs 3")
    drawn = beta_binomial_draws(right, samples, draws=draws, seed=seed)
    k_G = grid(most)
    k_G = k_G[np.unique(np.searchsorted(k_G, np.geomspace(1, most, 6)))]
    table = _pools.coverage_table(drawn.right, drawn.samples, k_G)
    seen = drawn.weight_KU @ table
    a, b = drawn.alpha_K[:, None], drawn.beta_K[:, None]
    rest = seen - (1 - np.exp(betaln(a, b + k_G) - betaln(a, b)))
    here = _pools.coverage_table(right, samples, k_G).mean(axis=0) - [law.pass_at_k(int(k)) for k in k_G]
    return form_test(here, rest)


def _crossing(curve, level: float) -> float:
    """Where a rising curve over samples reaches `level`; infinite beyond 1e15."""
    most = 15 * np.log(10)
    if curve(exp(most)) < level:
        return inf
    if curve(1e-9) >= level:
        return 0.0
    root = brentq(lambda log_k: curve(exp(log_k)) - level, np.log(1e-9), most, xtol=1e-12)
    return exp(float(np.asarray(root)))
