"""What a least-squares fit claims holds as often as it says, and is refused where nothing can be claimed."""

import numpy as np
import pytest

from outlay.errors import CannotSay
from outlay.stats.least_squares import coefficient_intervals, covariance, lack_of_fit

X = np.linspace(0, 10, 30)
LINE = np.stack([np.ones_like(X), X], axis=1)


def test_intervals_hold_the_slope_where_the_noise_grows_with_x():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        y = 1 + 2 * X + rng.normal(0, 0.1 + 0.1 * X)
        best = np.linalg.lstsq(LINE, y, rcond=None)[0]
        slope = coefficient_intervals(best, LINE, y - LINE @ best)[1]
        held += slope.low < 2 < slope.high
    assert 0.93 < held / 1000 < 0.98


def test_a_right_form_is_rejected_in_one_percent_of_cases_and_a_bent_one_is_found():
    rng = np.random.default_rng(2)
    tests = [lack_of_fit(rng.normal(size=30), LINE, X[:, None] ** 2, against="a square") for _ in range(2000)]
    assert 0.004 < np.mean([t.rejected for t in tests if t is not None]) < 0.018
    bent = lack_of_fit(0.1 * X**2 + rng.normal(size=30), LINE, X[:, None] ** 2, against="a square")
    assert bent is not None
    assert bent.rejected


def test_the_units_of_a_term_do_not_matter():
    residual = np.random.default_rng(3).normal(size=30)
    one, other = (lack_of_fit(residual, LINE * [1, s], s**2 * X[:, None] ** 2, against="") for s in (1e-6, 1e6))
    assert one is not None
    assert other is not None
    assert one.p_value == pytest.approx(other.p_value)


def test_noise_free_data_of_the_right_form_reject_nothing():
    fitted = lack_of_fit(np.zeros(30), LINE, X[:, None] ** 2, against="a square")
    assert fitted is not None
    assert (fitted.statistic, fitted.p_value) == (0.0, 1.0)


def test_too_few_points_or_a_term_that_is_there_already_cannot_be_tested():
    assert lack_of_fit([0.1, -0.1, 0.1], LINE[:3], X[:3, None] ** 2, against="a square") is None
    assert lack_of_fit(np.ones(30), LINE, 3 * X[:, None], against="the same term again") is None


def test_coefficients_that_the_points_cannot_tell_apart_are_refused():
    with pytest.raises(CannotSay):
        covariance(np.stack([X, 2 * X], axis=1), np.ones(30))
    with pytest.raises(CannotSay):
        coefficient_intervals([1.0, 2.0], LINE[:2], [0.0, 0.0])
