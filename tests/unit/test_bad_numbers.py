"""What cannot be said from the data is refused with a sentence, and nothing false is said with a straight face."""

import numpy as np
import pytest

from outlay.economics import cost_of_pass, sub_pools
from outlay.economics.cascade import break_even_agreement, expected_cost
from outlay.economics.cost_per_right import cost_per_right
from outlay.economics.frontier import frontier
from outlay.economics.imperfect_verifier import best_tries_from, ceiling_from
from outlay.economics.worth import worth_ranges
from outlay.errors import CannotSay, UsageError
from outlay.experiments.pool_cells import pool_cells
from outlay.laws import coverage, coverage_beta, judge_scaling, saturation
from outlay.models.recording_file import read
from outlay.policies._worth import Worth
from outlay.report.cells import cells
from outlay.report.comparisons import comparisons
from outlay.report.outcome import Outcome
from outlay.report.summary import summarise
from outlay.stats.beta_binomial import beta_binomial
from outlay.stats.bootstrap import bootstrap, bootstrap_of_means
from outlay.stats.majority_threshold import majority_threshold
from outlay.stats.paired import paired
from outlay.stats.pass_at_k import pass_at_k, pass_hat_k
from outlay.stats.wilson import wilson

NAN, INF = float("nan"), float("inf")
MIXED = [1, 2, 3, 0, 5, 8] * 6


def first(means):
    return means[:, 0]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("wilson of NaN", lambda: wilson(NAN, 3)),
        ("wilson of endless trials", lambda: wilson(1, INF)),
        ("pass@k of more than the samples", lambda: pass_at_k(8, 3, 9)),
        ("pass@k of NaN", lambda: pass_at_k(8, NAN, 2)),
        ("pass@k of half a sample", lambda: pass_at_k(8, 2.5, 2)),
        ("pass^k of more right ones than samples", lambda: pass_hat_k([8, 4], [3, 5], 2)),
        ("bootstrap of NaN", lambda: bootstrap(np.mean, [1, NAN, 2], seed=1)),
        ("bootstrap of means of NaN", lambda: bootstrap_of_means(first, [1, NAN, 2], seed=1)),
        ("bootstrap of one question", lambda: bootstrap(np.mean, [1.0], seed=1)),
        ("bootstrap of nothing", lambda: bootstrap_of_means(first, [], seed=1)),
        ("bootstrap of no arrays", lambda: bootstrap(np.mean, seed=1)),
        ("bootstrap without draws", lambda: bootstrap(np.mean, [1.0, 2.0], draws=0, seed=1)),
        ("paired with a missing answer", lambda: paired([1, NAN], [0, 1], seed=1)),
        ("cost-of-pass at a negative price", lambda: cost_of_pass.cost_of_pass(-1, 0.5)),
        ("cost-of-pass at an unknown price", lambda: cost_of_pass.cost_of_pass(NAN, 0.5)),
        ("cost-of-pass at an unknown rate", lambda: cost_of_pass.cost_of_pass(1, NAN)),
        ("cost-of-pass at a rate above 1", lambda: cost_of_pass.cost_of_pass(1, 1.5)),
        ("rate of more right runs than runs", lambda: cost_of_pass.success_rate(9, 8)),
        ("rate of no runs", lambda: cost_of_pass.success_rate(0, 0, smoothed=True)),
        ("frontier of no model", lambda: cost_of_pass.frontier_value(np.empty((0, 3)))),
        ("frontier with a missing value", lambda: cost_of_pass.frontier_value([[1, NAN]])),
        ("frontier with an expert of other questions", lambda: cost_of_pass.frontier_value([[1, 2]], [1])),
        ("value of a task without questions", lambda: cost_of_pass.task_value(np.empty((2, 0)))),
        ("gain on other questions", lambda: cost_of_pass.gain([[1, 2, 3]], [[1, 2]])),
        ("essentialness with a missing value", lambda: cost_of_pass.essentialness([[1, NAN]], [True])),
        ("essentialness of other models", lambda: cost_of_pass.essentialness([[1, 2], [2, 2]], [True])),
        ("cost per right at a negative price", lambda: cost_per_right([1, -1], [1, 0], seed=1)),
        ("cost per right at an unknown price", lambda: cost_per_right([1, NAN], [1, 0], seed=1)),
        ("cost per right of nothing", lambda: cost_per_right([], [], seed=1)),
        ("plans at an unknown cost", lambda: frontier([NAN, 1], [0.5, 0.6])),
        ("ranges of worth at an unknown accuracy", lambda: worth_ranges([1, 2], [0.5, NAN])),
        ("ranges of worth at a negative cost", lambda: worth_ranges([-1], [0.5])),
        ("a vote with a missing verdict", lambda: sub_pools.vote([[0, 1]], [[1, NAN]], [1])),
        ("a vote with a missing class", lambda: sub_pools.vote([[0, NAN]], [[1, 0]], [1])),
        ("a vote over more than the samples", lambda: sub_pools.vote([[0, 1]], [[1, 0]], [3])),
        ("coverage with a missing verdict", lambda: sub_pools.pass_at_k([[1, NAN]], [1])),
        ("coverage at endless samples", lambda: coverage.fit(MIXED, 8, seed=1).predict(INF)),
        ("the Beta law at endless samples", lambda: coverage_beta.fit(MIXED, 8, seed=1).predict(INF)),
        ("saturation at endless tries", lambda: saturation.fit(MIXED, 8, seed=1).predict(INF)),
        ("a Beta law at NaN samples", lambda: beta_binomial(MIXED, 8).pass_at_k(NAN)),
        ("a Beta law at -1 samples", lambda: beta_binomial(MIXED, 8).pass_hat_k(-1)),
        ("its interval at no samples", lambda: beta_binomial(MIXED, 8).pass_at_k_interval(0)),
        ("its interval at level 2", lambda: beta_binomial(MIXED, 8).pass_at_k_interval(4, 2.0)),
        ("a cascade at an unknown price", lambda: expected_cost(0.5, NAN, 2.0)),
        ("a cascade that agrees oftener than always", lambda: expected_cost(1.5, 1.0, 2.0)),
        ("its break-even at an unknown price", lambda: break_even_agreement(NAN, 1.0)),
        ("a majority of no samples", lambda: majority_threshold(0)),
        ("a report at an unknown worth", lambda: summarise([], worth=Worth(wrong_usd=NAN), seed=1)),
        ("a judge who has no choice", lambda: judge_scaling.fit(np.eye(4), np.ones((4, 4)), seed=1)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_refused_with_a_sentence(name, call):
    with pytest.raises(UsageError) as refused:
        call()
    assert len(str(refused.value)) > 20, name


def test_one_question_has_no_interval_of_costs_and_no_difference():
    won, lost = (
        Outcome("t", "m", plan, "q", right, 1.0, cost_nusd=5)
        for plan, right in (("single", True), ("vote", False))
    )
    found = cells([won, lost], seed=1)
    assert [(c.cost_usd, c.cost_interval, c.cost_of_pass_interval) for c in found] == [(5e-9, None, None)] * 2
    (step,) = comparisons([won, lost], found, seed=1)
    assert (step.difference, step.interval, step.established) == (-1.0, (-1.0, 1.0), False)
    with pytest.raises(CannotSay, match="at least two of them"):
        cost_per_right([1.0], [1], seed=1)


def test_all_right_or_none_right_leaves_the_cost_of_a_right_answer_open_at_one_end():
    sure = cost_per_right(np.ones(10), np.ones(10), seed=1)
    assert (sure.value, sure.interval.low) == (1.0, 1.0)
    assert sure.interval.high == pytest.approx(1 / wilson(10, 10).low)
    never = cost_per_right(np.ones(10), np.zeros(10), seed=1)
    assert (never.value, never.interval.high) == (INF, INF)
    assert never.interval.low == pytest.approx(1 / wilson(0, 10).high)
    outcomes = [Outcome("t", "m", "single", str(i), True, 1.0, cost_nusd=7) for i in range(10)]
    low, high = cells(outcomes, seed=1)[0].cost_of_pass_interval or (0, 0)
    assert (low, high) == pytest.approx((7e-9, 7e-9 / wilson(10, 10).low))


def test_samples_that_all_agree_are_not_certain():
    right = np.ones((20, 4))
    assert ceiling_from(right, right, seed=1).interval == wilson(20, 20)
    found = best_tries_from(right, right, wrong=1.0, seed=1)
    unlike = 1 - wilson(20, 20).low
    assert (found.reward_interval.low, found.reward_interval.high) == pytest.approx((1 - 2 * unlike, 1.0))
    silent = best_tries_from(right, np.zeros((20, 4)), wrong=1.0, seed=1)
    assert (silent.tries, silent.reward_interval.low, silent.reward_interval.high) == (0, 0.0, 0.0)


def test_a_recorded_pool_that_is_always_right_has_a_width():
    every = [c for c in pool_cells(read("pool-q15-sums"), ks=[16]) if c.oracle]
    assert every[0].accuracy == 1.0
    assert (every[0].interval.low, every[0].interval.high) == (wilson(40, 40).low, 1.0)
