"""Exact, bias-corrected and calibrated intervals against independent implementations and closed forms."""

import time

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from outlay.errors import CannotSay, UsageError
from outlay.stats.bca import bca, bca_interval, bca_of_means
from outlay.stats.bootstrap import bootstrap, bootstrap_of_means
from outlay.stats.clopper_pearson import clopper_pearson
from outlay.stats.resampled_means import resampled_means


@pytest.mark.parametrize(
    ("successes", "trials", "level"), [(0, 1, 0.95), (3, 10, 0.9), (50, 50, 0.99), (7, 1000, 0.95)]
)
def test_clopper_pearson_agrees_with_scipy(successes, trials, level):
    oracle = binomtest(successes, trials).proportion_ci(level, method="exact")
    interval = clopper_pearson(successes, trials, level)
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_clopper_pearson_without_trials_knows_nothing_and_refuses_impossible_counts():
    assert (clopper_pearson(0, 0).low, clopper_pearson(0, 0).high) == (0.0, 1.0)
    for wrong in ((-1, 3, 0.95), (4, 3, 0.95), (1, 3, 0.0), (1, 3, 1.0), (float("nan"), 3, 0.95)):
        with pytest.raises(UsageError):
            clopper_pearson(*wrong)


def test_resampled_means_have_the_mean_and_the_spread_of_drawing_with_replacement():
    x = np.random.default_rng(1).exponential(size=(50, 2))
    means = resampled_means(x, draws=20_000, seed=2)
    assert means.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=0.005)
    assert np.cov(means.T) == pytest.approx(np.cov(x.T, bias=True) / 50, abs=5e-4)


def test_resampled_means_keep_columns_paired_and_depend_on_the_seed_alone():
    x = np.arange(30.0)
    means = resampled_means(np.stack([x, 3 * x + 1], axis=1), draws=200, seed=5)
    assert means[:, 1] == pytest.approx(3 * means[:, 0] + 1)
    assert (means == resampled_means(np.stack([x, 3 * x + 1], axis=1), draws=200, seed=5)).all()
    assert (means[:, 0] != resampled_means(x, draws=200, seed=6)[:, 0]).any()


def test_ten_thousand_draws_over_ten_thousand_questions_take_seconds():
    x = np.random.default_rng(1).random((10_000, 2))
    start = time.process_time()
    bca_of_means(lambda m: m[:, 0] / m[:, 1], x[:, 0], x[:, 1], draws=10_000, seed=1)
    assert time.process_time() - start < 3


def test_bca_agrees_with_scipy_s():
    x = np.random.default_rng(3).exponential(size=40)
    oracle = scipy_bootstrap((x,), np.mean, n_resamples=9999, rng=np.random.default_rng(2)).confidence_interval
    for interval in (bca(np.mean, x, draws=5000, seed=1), bca_of_means(lambda m: m[:, 0], x, seed=1)):
        assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), abs=0.02)


def test_bca_of_a_symmetric_jackknife_and_unbiased_draws_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 1001)
    interval = bca_interval(0.0, draws, [-1.0, 0.0, 1.0])
    assert (interval.low, interval.high) == (np.quantile(draws, 0.025, method="lower"), 0.95)


def test_bca_reaches_further_where_a_skewed_cost_may_still_surprise():
    cost = np.random.default_rng(3).exponential(size=30)
    assert bca(np.mean, cost, seed=1).high > bootstrap(np.mean, cost, seed=1).high


def test_bca_says_where_it_cannot_speak():
    one_right = np.array([1.0, 0, 0, 0, 0])
    with pytest.raises(CannotSay, match="finite"):
        bca_of_means(lambda m: 1 / m[:, 0], one_right, seed=1)
    with pytest.raises(CannotSay, match="one side"):
        bca_interval(5.0, [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(CannotSay, match="skewed"):
        bca_interval(2.0, [1.0, 2.0, 3.0], [0.0] + [1e-3] * 10**5 + [-1.0], level=1 - 1e-9)


@pytest.mark.parametrize("arrays", [([],), ([1.0],), ([1.0, 2.0], [1.0])])
def test_bca_refuses_unpaired_or_single_questions(arrays):
    with pytest.raises(UsageError, match="same questions"):
        bca(np.mean, *arrays, seed=1)
    with pytest.raises(UsageError, match="same questions"):
        bca_of_means(lambda m: m[:, 0], *arrays, seed=1)


def test_bca_of_equal_questions_has_no_width():
    assert bca_of_means(lambda m: m[:, 0], [2.0, 2.0, 2.0], seed=1).low == 2.0
    with pytest.raises(UsageError, match="level"):
        bca_of_means(lambda m: m[:, 0], [2.0, 2.0, 2.0], seed=1, level=1.0)


def test_the_bootstrap_of_means_is_the_bootstrap_with_other_draws():
    x = np.random.default_rng(9).exponential(size=60)
    slow, fast = bootstrap(np.mean, x, draws=5000, seed=1), bootstrap_of_means(lambda m: m[:, 0], x, seed=1)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.02)
    with np.errstate(divide="ignore"):
        rare = bootstrap_of_means(lambda m: 1 / m[:, 0], [1, 0, 0, 0, 0, 0, 0, 0], seed=1)
    assert rare.high == float("inf")
    for wrong in ([[]], [[1.0, 2.0], [1.0]], []):
        with pytest.raises(UsageError, match="questions"):
            bootstrap_of_means(lambda m: m[:, 0], *wrong, seed=1)
    with pytest.raises(UsageError, match="level"):
        bootstrap_of_means(lambda m: m[:, 0], [1.0, 2.0], seed=1, level=1.0)
