"""A judge's choice on scored pools against enumeration, and its four invariants."""

from itertools import combinations

import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.laws.judge_scaling import fit, sweep

RNG = np.random.default_rng(1)
SCORE = RNG.integers(0, 5, size=(6, 7)).astype(float)
RIGHT = RNG.random((6, 7)) < 0.4


def enumerated(score_S, right_S, k):
    chosen = []
    for subset in combinations(range(len(score_S)), k):
        best = max(score_S[list(subset)])
        chosen.append(np.mean([right_S[j] for j in subset if score_S[j] == best]))
    return np.mean(chosen)


@pytest.mark.parametrize("k", range(1, 8))
def test_the_best_scored_is_exact_over_all_subsets_with_ties_shared(k):
    expected = np.mean([enumerated(s, r, k) for s, r in zip(SCORE, RIGHT, strict=True)])
    assert fit(SCORE, RIGHT, seed=1).predict(k).value == pytest.approx(expected)


def test_equal_scores_and_an_endless_temperature_take_any_sample():
    mean = RIGHT.mean()
    assert fit(np.zeros_like(SCORE), RIGHT, seed=1).accuracy == pytest.approx([mean] * 7)
    warm = fit(SCORE, RIGHT, temperature=1e12, seed=1)
    assert warm.accuracy[-1] == pytest.approx(mean, abs=1e-6)


def test_a_tiny_temperature_is_the_best_scored_even_among_scores_far_below_the_best():
    score = SCORE.copy()
    score[:, 0] = 1e6
    cold = sweep(score, RIGHT, temperatures=[0.0, 1e-3], seed=1)
    assert cold[0][-1] == pytest.approx(RIGHT[:, 0].mean())
    assert cold[1][-1] == pytest.approx(RIGHT[:, 0].mean())
    assert np.isfinite(cold).all()


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_constant_on_all_scores_and_the_order_of_samples_change_nothing(temperature):
    base = fit(SCORE, RIGHT, temperature=temperature, seed=1)
    assert fit(SCORE + 3.5, RIGHT, temperature=temperature, seed=1).accuracy == pytest.approx(base.accuracy)
    if temperature == 0:
        order = RNG.permutation(7)
        assert fit(SCORE[:, order], RIGHT[:, order], seed=1).accuracy == pytest.approx(base.accuracy)


def test_a_wrong_answer_that_attracts_the_judge_makes_the_curve_rise_and_fall():
    rng = np.random.default_rng(2)
    luck = rng.random((400, 32))
    right, bait = luck < 0.5, luck > 0.96
    score = np.where(bait, 3.0, right + rng.normal(0, 0.7, size=luck.shape))
    found = fit(score, right, seed=1)
    assert found.judge_limited
    assert 1 < found.best_k < 16
    assert found.predict(found.best_k).value > found.single > 0.45
    assert found.accuracy[-1] < max(found.accuracy) - 0.1


def test_a_temperature_rescues_a_judge_that_is_fooled():
    rng = np.random.default_rng(3)
    luck = rng.random((300, 32))
    right, bait = luck < 0.5, luck > 0.9
    score = np.where(bait, 4.0, 3.0 * right)
    table = sweep(score, right, temperatures=[0.0, 1.0, 1e6], seed=1)[:, -1]
    assert table[1] > table[0]
    assert table[1] > table[2]


def test_what_the_pool_does_not_hold_is_not_said():
    found = fit(SCORE, RIGHT, seed=1)
    with pytest.raises(CannotSay, match="7 samples"):
        found.predict(8)
    for wrong in (0, 1.5, -1):
        with pytest.raises(UsageError):
            found.predict(wrong)
    with pytest.raises(UsageError, match="temperatures"):
        sweep(SCORE, RIGHT, temperatures=[], seed=1)
    with pytest.raises(UsageError, match="level"):
        fit(SCORE, RIGHT, seed=1, level=0.0)
    with pytest.raises(CannotSay, match="all are alike"):
        fit(SCORE, np.ones_like(RIGHT), seed=1)
