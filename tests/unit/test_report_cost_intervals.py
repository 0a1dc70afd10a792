"""Intervals of what a right answer costs: questions run anew, their bounds, and samples without spread."""

import numpy as np
import pytest
from scipy.stats import betabinom

from outlay.errors import UsageError
from outlay.report.cost_by_question import costs_by_question
from outlay.report.cost_intervals import drawn_anew, share_range, value_range
from outlay.report.samples import Samples
from outlay.stats.resampled_means import resampled_means
from outlay.stats.studentized import studentized_interval


def pool(right_QS, usd=0.01, model="m") -> Samples:
    right = np.array(right_QS, bool)
    return Samples("t", model, tuple(map(str, range(len(right)))), right, np.full(len(right), usd))


def test_runs_drawn_anew_follow_the_rates_that_the_runs_allow():
    right_PN = drawn_anew(np.array([[1.0], [7.0]]), np.array([[8.0], [8.0]]), seed=1)
    assert right_PN.shape == (2, 2000)
    expected = betabinom(8, 1.5, 7.5).pmf(0)
    assert (right_PN[0] == 0).mean() == pytest.approx(expected, abs=0.03)
    assert (right_PN[1] == 8).mean() == pytest.approx(expected, abs=0.03)
    assert np.corrcoef(right_PN)[0, 1] > 0.2


def test_a_sample_without_a_hard_question_still_allows_for_some():
    rng = np.random.default_rng(2)
    seen = [[*([1] * k), *([0] * (16 - k))] for k in rng.integers(3, 17, size=60)]
    (found,) = costs_by_question([], [pool(seen)], seed=1)
    value = found.plans[0].value
    columns = np.array([0.01 * 17 / (sum(row) + 0.5) for row in seen])
    plain = np.quantile(resampled_means(columns, draws=2000, seed=1), 0.975)
    assert (value.smoothed_interval[1] or 0) > 1.1 * plain


def test_questions_that_are_surely_easy_are_not_taken_for_hard():
    right = np.random.default_rng(3).random((200, 32)) < 0.7
    (found,) = costs_by_question([], [pool(right)], seed=1)
    value = found.plans[0].value
    low, high = value.smoothed_interval
    assert high is not None
    # One more question that no run solves would allow for 0.018.
    assert low < value.smoothed_usd < high < 0.0155


@pytest.mark.parametrize("value", [0, 1])
def test_all_right_or_all_wrong_has_a_width_and_stays_in_what_is_possible(value):
    (found,) = costs_by_question([], [pool(np.full((12, 8), value))], seed=1)
    plan = found.plans[0].value
    low, high = plan.smoothed_interval
    assert high is not None
    assert 0.01 * 9 / 8.5 - 1e-12 <= low <= plan.smoothed_usd <= high <= 0.18 + 1e-12
    assert high > low


def test_a_model_that_is_never_cheapest_adds_nothing_to_little():
    right = np.random.default_rng(4).random((30, 16)) < 0.9
    found = costs_by_question([], [pool(right, 0.01, "cheap"), pool(right, 0.5, "dear")], seed=1)[0]
    dear = found.models[1]
    assert (dear.gain_usd, dear.gain_interval[0], dear.essentialness_interval[0]) == (0.0, 0.0, 0.0)
    assert (dear.essentialness_interval[1] or 0) < 0.5


def test_the_upper_end_stays_below_one_more_question_of_the_dearest_kind():
    seen = np.array([*np.linspace(0.9, 1.1, 39), 30.0])
    anew = np.tile(seen, 50)
    _, high = value_range(seen, anew, least=0.0, dearest=33.0, seed=1)
    bound = np.quantile(resampled_means(np.append(seen, 33.0), draws=2000, seed=1), 0.975, method="higher")
    assert high == pytest.approx(bound)


def test_a_share_is_between_none_and_all_and_of_nothing_is_none():
    rng = np.random.default_rng(5)
    whole = rng.exponential(size=40)
    part = whole * rng.random(40)
    low, high = share_range(part, whole, np.tile([part, whole], 50), dearest=(9.0, 9.0), seed=1)
    assert 0 <= low < part.sum() / whole.sum() < (high or 0) <= 1
    nothing = np.zeros(40)
    assert share_range(nothing, nothing, np.zeros((2, 80)), dearest=(1.0, 1.0), seed=1) == (0.0, 0.0)


def test_draws_of_fewer_questions_spread_wider():
    x = np.random.default_rng(6).normal(size=4000)
    few, many = (resampled_means(x, draws=4000, seed=1, take=take) for take in (25, None))
    assert few.std() == pytest.approx(x.std() / 5, rel=0.05)
    assert few.std() > 10 * many.std()
    with pytest.raises(UsageError, match="at least one question"):
        resampled_means(x, draws=1, seed=1, take=0)


def test_draws_about_another_centre_are_measured_from_it():
    one = studentized_interval(0.0, 4.0, [-1.0, 0.0, 1.0], [2.0, 1.0, 2.0])
    other = studentized_interval(0.0, 4.0, [9.0, 10.0, 11.0], [2.0, 1.0, 2.0], centre=10.0)
    assert (one.low, one.high) == (other.low, other.high)
