"""pass@k and the chance to lead, against their closed forms."""

import numpy as np
import pytest
from scipy.stats import beta, betabinom

from outlay.errors import UsageError
from outlay.stats.lead import expected_p_leads, p_leads
from outlay.stats.majority_threshold import majority_threshold
from outlay.stats.pass_at_k import pass_at_k, pass_hat_k


@pytest.mark.parametrize(("k", "value"), [(1, 0.3), (2, 0.533333), (5, 0.916667), (8, 1.0)])
def test_pass_at_k_of_three_right_in_ten(k, value):
    assert pass_at_k(10, 3, k) == pytest.approx(value, abs=5e-7)


def test_pass_at_k_without_a_right_sample_is_never_positive():
    assert [pass_at_k(10, 0, k) for k in range(1, 11)] == [0.0] * 10


def test_pass_at_k_is_one_where_wrong_samples_cannot_fill_the_draw():
    assert pass_at_k(10_000, 9_000, 1_001) == 1.0


def test_pass_at_k_matches_the_mean_over_random_subsets():
    rng = np.random.default_rng(7)
    flags = np.r_[np.ones(3), np.zeros(7)]
    seen = np.mean([rng.permutation(flags)[:4].any() for _ in range(20_000)])
    assert seen == pytest.approx(pass_at_k(10, 3, 4), abs=0.01)


def test_both_take_arrays_and_give_them_back():
    right = np.array([[0, 1], [2, 4]])
    assert pass_at_k(4, right, 2) == pytest.approx(np.array([[0, 0.5], [5 / 6, 1]]))
    assert pass_hat_k(4, right, 2) == pytest.approx(np.array([[0, 0], [1 / 6, 1]]))


@pytest.mark.parametrize("wrong", [(3, 1, 4), (3, 1, 0), (3, 4, 1), (3, -1, 1)])
@pytest.mark.parametrize("estimate", [pass_at_k, pass_hat_k])
def test_both_refuse_impossible_counts(estimate, wrong):
    with pytest.raises(UsageError, match="samples"):
        estimate(*wrong)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (3, 0), (0, 5), (7, 4), (64, 60), (300, 280)])
def test_p_leads_is_the_beta_tail(a, b):
    assert p_leads(a, b) == pytest.approx(beta.sf(0.5, a + 1, b + 1), rel=1e-9)


@pytest.mark.parametrize(("a", "b", "h"), [(0, 0, 1), (2, 1, 5), (5, 5, 16), (64, 60, 16)])
def test_expected_p_leads_is_the_beta_binomial_mean(a, b, h):
    expected = sum(
        betabinom.pmf(i, h, a + 1, b + 1)
        * max(beta.sf(0.5, a + i + 1, b + h - i + 1), beta.cdf(0.5, a + i + 1, b + h - i + 1))
        for i in range(h + 1)
    )
    assert expected_p_leads(a, b, h) == pytest.approx(expected, rel=1e-9)


def test_leads_refuse_negative_counts():
    with pytest.raises(UsageError, match="never negative"):
        p_leads(-1, 2)


@pytest.mark.parametrize(("n", "share"), [(1, 2.0), (10, 0.2), (100, 0.02), (1000, 0.015)])
def test_majority_threshold_asks_for_two_samples_then_for_a_share(n, share):
    assert majority_threshold(n) == share
