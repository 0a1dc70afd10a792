"""Intervals and paired comparisons against closed forms and an independent implementation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from outlay.errors import UsageError
from outlay.stats.bootstrap import bootstrap
from outlay.stats.paired import paired
from outlay.stats.permutation import position_test
from outlay.stats.wilson import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "level"), [(0, 1, 0.95), (3, 10, 0.9), (50, 50, 0.99), (7, 1000, 0.95)]
)
def test_wilson_agrees_with_scipy(successes, trials, level):
    oracle = binomtest(successes, trials).proportion_ci(level, method="wilson")
    interval = wilson(successes, trials, level)
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_wilson_without_trials_knows_nothing():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 0.0), (1, 3, 1.0)])
def test_wilson_refuses_impossible_counts_and_levels(wrong):
    with pytest.raises(UsageError, match="must be"):
        wilson(*wrong)


def test_bootstrap_keeps_pairs_together():
    cost_Q = np.array([1.0, 2.0, 3.0, 4.0])
    interval = bootstrap(lambda a, b: float((a - b).sum()), cost_Q, cost_Q, seed=3)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_bootstrap_ends_at_infinity_where_draws_without_a_right_answer_are_common():
    def ratio(cost, right):
        return float(cost.sum() / right.sum()) if right.sum() else float("inf")

    interval = bootstrap(ratio, np.ones(8), np.array([1, 0, 0, 0, 0, 0, 0, 0]), seed=1)
    assert interval.high == float("inf")
    assert 1 <= interval.low < 8


def test_bootstrap_depends_on_its_seed_alone():
    values = np.arange(30.0)
    first, again, other = (bootstrap(np.mean, values, seed=s) for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("arrays", [([],), ([1.0, 2.0], [1.0])])
def test_bootstrap_refuses_unpaired_or_no_questions(arrays):
    with pytest.raises(UsageError, match="questions"):
        bootstrap(np.mean, *arrays, seed=1)


def test_paired_is_the_exact_sign_test_for_few_differing_questions():
    a, b = np.zeros(20), np.r_[np.ones(9), -np.ones(1), np.zeros(10)]
    result = paired(a, b, seed=1)
    assert result.p_value == pytest.approx(binomtest(9, 10).pvalue)
    assert result.difference == pytest.approx(0.4)
    assert result.interval.low < 0.4 < result.interval.high
    assert result.questions == 20


def test_paired_by_random_flips_is_near_the_exact_value():
    b = np.r_[np.ones(21), -np.ones(9)]
    exact = binomtest(21, 30).pvalue
    assert paired(np.zeros(30), b, seed=5).p_value == pytest.approx(exact, abs=0.006)


def test_paired_turns_with_its_arguments():
    a, b = np.array([0.1, 0.5, 0.9, 0.2]), np.array([0.3, 0.4, 1.0, 0.6])
    one, other = paired(a, b, seed=1), paired(b, a, seed=1)
    assert one.difference == -other.difference
    assert one.p_value == other.p_value


def test_paired_of_equal_plans_is_no_evidence():
    assert paired([1, 0, 1], [1, 0, 1], seed=1).p_value == 1.0


def test_position_test_sees_a_shared_stream_and_nothing_in_constants():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=8) + 0.3 * rng.normal(size=(24, 8))
    assert position_test(shared, seed=1) < 0.001
    assert position_test(np.ones((5, 4)), seed=1) == 1.0


@pytest.mark.parametrize("table", [[[1.0]], [1.0, 2.0], [[1.0, float("nan")]]])
def test_position_test_refuses_what_is_no_table(table):
    with pytest.raises(UsageError, match="table"):
        position_test(table, seed=1)
