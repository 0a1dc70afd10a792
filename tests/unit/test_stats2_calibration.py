"""Stated probabilities against what happened, and thresholds with a promise."""

import math

import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.stats.calibration import brier, calibration
from outlay.stats.conformal import conformal_threshold
from outlay.stats.isotonic import isotonic


def test_calibration_error_by_hand():
    found = calibration([0.05, 0.15, 0.95, 1.0], [0, 1, 1, 0], bins=10)
    assert [(b.low, b.count) for b in found.bins] == [(0.0, 1), (0.1, 1), (0.9, 2)]
    assert found.expected_error == pytest.approx((0.05 + 0.85 + 2 * 0.475) / 4)
    assert found.largest_error == pytest.approx(0.85)
    assert found.brier == pytest.approx(brier([0.05, 0.15, 0.95, 1.0], [0, 1, 1, 0]))


def test_a_calibrated_speaker_has_almost_no_error_and_a_boaster_has():
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    right = rng.random(20_000) < p
    assert calibration(p, right).expected_error < 0.015
    assert calibration(np.sqrt(p), right).expected_error > 0.12
    assert brier(p, right) < brier(np.sqrt(p), right)


@pytest.mark.parametrize("wrong", [([], []), ([0.5], [1, 0]), ([1.2], [1]), ([math.nan], [1]), ([0.5], [2])])
def test_calibration_refuses_what_is_no_probability(wrong):
    with pytest.raises(UsageError):
        calibration(*wrong)


def test_calibration_refuses_no_bins():
    with pytest.raises(UsageError, match="bin"):
        calibration([0.5], [1], bins=0)


def test_isotonic_rises_keeps_the_mean_and_pools_equal_scores():
    rng = np.random.default_rng(2)
    score = rng.integers(0, 12, size=300) / 10
    right = rng.random(300) < score / 1.5
    weight = rng.random(300) + 0.1
    fitted = isotonic(score, right, weight)
    assert (np.diff(fitted.value) >= 0).all()
    assert np.average(fitted.predict(score), weights=weight) == pytest.approx(np.average(right, weights=weight))
    order = rng.permutation(300)
    assert isotonic(score[order], right[order], weight[order]).value == pytest.approx(fitted.value)
    assert fitted.predict([-5, 5]).tolist() == [fitted.value[0], fitted.value[-1]]


def test_a_weight_counts_as_copies():
    twice = isotonic([1, 2, 2, 3], [0, 1, 1, 0])
    assert isotonic([1, 2, 3], [0, 1, 0], [1, 2, 1]) == twice
    assert twice.value == pytest.approx((0, 2 / 3, 2 / 3))


@pytest.mark.parametrize(
    "wrong", [([1, 2], [1]), ([1, math.nan], [0, 1]), ([1, 2], [0, 1], [1, 0]), ([[1], [2]], [[0], [1]])]
)
def test_isotonic_refuses_bad_input(wrong):
    with pytest.raises(UsageError):
        isotonic(*wrong)


def test_one_score_is_no_map():
    with pytest.raises(CannotSay, match="two different"):
        isotonic([1, 1, 1], [0, 1, 1])


@pytest.mark.parametrize(("n", "miss"), [(19, 0.1), (50, 0.2), (99, 0.05)])
def test_conformal_threshold_keeps_its_promise_on_average(n, miss):
    rng = np.random.default_rng(n)
    kept = [rng.random() <= conformal_threshold(rng.random(n), miss=miss) for _ in range(4000)]
    assert 1 - miss - 0.02 <= np.mean(kept) <= 1 - miss + 1 / (n + 1) + 0.02


def test_too_few_scores_promise_nothing():
    assert conformal_threshold([1, 2, 3], miss=0.2) == math.inf
    assert conformal_threshold([1, 2, 3, 4], miss=0.2) == 4.0
    assert conformal_threshold([], miss=0.2) == math.inf
    for scores, miss in (([math.nan], 0.1), ([1.0], 0.0), ([1.0], 1.0), ([[1.0]], 0.1)):
        with pytest.raises(UsageError):
            conformal_threshold(scores, miss=miss)
