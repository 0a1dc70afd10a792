"""The chain-length rule: its scaling, its inverse, and the budgets that it is fitted to."""

from math import sqrt

import numpy as np
import pytest

from outlay.errors import UsageError
from outlay.laws.chain_length import fit, smallest_budget

FITTED = fit([4, 16, 64, 256], [0.2, 0.1, 0.05, 0.01], [30.0, 95.0, 230.0, 700.0])


def test_c_is_least_squares_through_the_origin():
    n, epsilon, k = np.array([4.0, 9.0, 25.0]), np.array([0.1, 0.2, 0.05]), np.array([40.0, 50.0, 160.0])
    x = np.sqrt(n) * np.log(1 / epsilon)
    assert fit(n, epsilon, k).c == pytest.approx((x * k).sum() / (x * x).sum())


def test_twice_the_context_needs_sqrt_2_and_epsilon_squared_needs_2_times_the_tokens():
    once = FITTED.predict(32, 0.1).value
    assert FITTED.predict(64, 0.1).value == pytest.approx(sqrt(2) * once)
    assert FITTED.predict(32, 0.01).value == pytest.approx(2 * once)


def test_the_loss_of_a_cap_is_the_inverse_and_its_interval_is_around_it():
    for n, epsilon in ((8, 0.15), (200, 0.02)):
        back = FITTED.invert(FITTED.predict(n, epsilon).value, n)
        assert back.value == pytest.approx(epsilon)
        assert back.interval.low < epsilon < back.interval.high
        assert back.warning == ""
    assert FITTED.invert(0, 8).value == 1.0
    assert "losses from 0.01 to 0.2" in FITTED.invert(0, 8).warning


def test_three_points_are_too_few_to_test_the_form():
    assert "too few" in fit([4, 9, 16], [0.1, 0.1, 0.1], [10, 16, 20]).form.words


def test_the_interval_of_c_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(9)
    n, epsilon = (a.ravel() for a in np.meshgrid([4.0, 16, 64, 256], [0.2, 0.1, 0.05, 0.01]))
    k = 12 * np.sqrt(n) * np.log(1 / epsilon)
    fits = [fit(n, epsilon, k * rng.normal(1, 0.15, len(k))) for _ in range(400)]
    assert 0.9 < np.mean([f.c_interval.low < 12 < f.c_interval.high for f in fits]) < 0.985
    assert np.mean([f.form.wrong for f in fits]) < 0.04


def test_the_smallest_budget_near_the_plateau_is_the_one_from_which_accuracy_stays():
    assert smallest_budget([0, 100, 200, 400, 800], [0.2, 0.5, 0.66, 0.69, 0.7], 0.05) == 200
    assert smallest_budget([0, 100, 200, 400], [0.2, 0.69, 0.5, 0.7], 0.05) is None
    assert smallest_budget([0, 100, 200], [0.7, 0.7, 0.7], 0.01) == 0
    assert smallest_budget([0, 100, 200], [0.2, 0.4, 0.6], 0.05) is None


@pytest.mark.parametrize(
    "sweep", [([0], [0.5]), ([0, 0], [0.5, 0.5]), ([0, 1], [0.5, float("nan")]), ([0, 1], [0.5, 1.5])]
)
def test_sweeps_that_say_nothing_are_refused(sweep):
    with pytest.raises(UsageError):
        smallest_budget(*sweep, 0.05)
    with pytest.raises(UsageError):
        smallest_budget([0, 1], [0.5, 0.5], 0.0)


@pytest.mark.parametrize(("n", "epsilon"), [(0, 0.1), (4, 0), (4, 1), (float("nan"), 0.1)])
def test_questions_out_of_range_are_refused(n, epsilon):
    with pytest.raises(UsageError):
        FITTED.predict(n, epsilon)
    with pytest.raises(UsageError):
        FITTED.invert(-1, 4)
