"""The Beta law of success rates: closed forms, an independent optimiser, its limits."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import betabinom

from outlay.errors import CannotSay, UsageError
from outlay.stats.beta_binomial import BetaBinomial, beta_binomial, beta_binomial_draws


def law(alpha, beta):
    return BetaBinomial(alpha, beta, (0.0, 0.0, 0.0, 0.0), 1, 1)


def test_closed_form_coverage():
    # Values of the sheet on large-language-monkeys for Beta(0.3, 2).
    assert [round(law(0.3, 2).pass_at_k(k), 3) for k in (1, 8, 64, 512)] == [0.130, 0.409, 0.667, 0.821]
    assert law(1, 1).pass_hat_k(4) == pytest.approx(1 / 5)
    assert law(2, 3).mean == pytest.approx(law(2, 3).pass_at_k(1)) == pytest.approx(0.4)


@pytest.mark.parametrize(("alpha", "beta", "n"), [(0.3, 2, 16), (1, 1, 8), (2, 6, 50), (0.2, 5, 64)])
def test_the_likelihood_is_at_its_maximum(alpha, beta, n):
    rng = np.random.default_rng(3)
    samples = rng.integers(max(2, n // 2), n + 1, size=300)
    right = rng.binomial(samples, rng.beta(alpha, beta, size=300))
    found = beta_binomial(right, samples)

    def loss(log_ab):
        return -betabinom.logpmf(right, samples, *np.exp(log_ab)).sum()

    oracle = minimize(loss, np.log([alpha, beta]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    assert np.log([found.alpha, found.beta]) == pytest.approx(oracle.x, abs=1e-4)


def test_equal_questions_are_the_binomial_limit():
    right = np.random.default_rng(1).binomial(16, 0.3, size=400)
    found = beta_binomial(np.r_[right[:1], np.full(100, 5), np.full(100, 4)], 16)
    assert found.alpha + found.beta > 1e5
    rate = found.mean
    assert found.pass_at_k(4) == pytest.approx(1 - (1 - rate) ** 4, abs=1e-4)
    interval = found.mean_interval()
    assert 0 < interval.low < rate < interval.high < 0.35


def test_intervals_are_inside_the_unit_range_and_around_the_estimate():
    found = beta_binomial([0] * 40 + [1, 2, 3, 8], 8)
    for k in (0.5, 1, 8, 1000, 1e9):
        interval = found.pass_at_k_interval(k)
        assert 0 <= interval.low <= found.pass_at_k(k) <= interval.high <= 1
    assert found.pass_at_k_interval(8, 0.5).high < found.pass_at_k_interval(8, 0.99).high


def test_draws_scatter_around_the_fit():
    rng = np.random.default_rng(6)
    right = rng.binomial(16, rng.beta(1, 2, size=300))
    found, drawn = beta_binomial(right, 16), beta_binomial_draws(right, 16, draws=200, seed=1)
    assert np.log(drawn.alpha_K).mean() == pytest.approx(np.log(found.alpha), abs=0.03)
    assert np.log(drawn.alpha_K).var() == pytest.approx(found.covariance[0], rel=0.3)
    assert drawn.weight_KU.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("right", "samples"), [([0, 0, 0], 4), ([4, 4], 4), ([2], 4), ([0, 1, 4], 4), ([0, 1], 1)]
)
def test_a_spread_that_cannot_be_seen_is_said(right, samples):
    with pytest.raises(CannotSay, match="spread"):
        beta_binomial(right, samples)


@pytest.mark.parametrize(
    ("right", "samples"), [([], 4), ([0.5, 1], 4), ([5, 1], 4), ([np.nan, 1], 4), ([0, 0], 0)]
)
def test_counts_that_are_none_are_refused(right, samples):
    with pytest.raises(UsageError):
        beta_binomial(right, samples)
