"""Cost-of-pass, frontier and worth: closed forms and the paper's own arithmetic."""

import numpy as np
import pytest

from outlay.economics.cost_of_pass import (
    cost_of_pass,
    essentialness,
    frontier_value,
    gain,
    success_rate,
    task_value,
)
from outlay.economics.cost_per_right import cost_per_right
from outlay.economics.frontier import cheapest, frontier
from outlay.economics.worth import best_buy, worth_ranges
from outlay.errors import UsageError

INF = float("inf")


def test_cost_of_pass_is_cost_over_success():
    assert cost_of_pass([2.0, 2.0, 0.0], [0.5, 0.0, 0.0]).tolist() == [4.0, INF, INF]


def test_an_expert_bounds_the_frontier():
    assert frontier_value([[4.0, INF]], [20.0, 20.0]).tolist() == [4.0, 20.0]
    assert frontier_value(np.empty((0, 2)), [20.0, 30.0]).tolist() == [20.0, 30.0]


def test_the_minimum_comes_before_the_mean():
    assert task_value([[1.0, 9.0], [9.0, 1.0]]) == 1.0
    assert task_value([[INF], [INF]]) == INF


def test_majority_of_three_at_even_odds_triples_the_price():
    r = 0.5
    assert 3 * r**2 * (1 - r) + r**3 == 0.5
    assert cost_of_pass(3.0, 0.5) == 3 * cost_of_pass(1.0, r)


def test_best_of_three_with_a_perfect_check_costs_more_per_answer():
    assert cost_of_pass(3.0, 1 - 0.5**3) == pytest.approx(3.4286, abs=5e-5)
    assert cost_of_pass(1.0, 0.5) == 2.0


@pytest.mark.parametrize(("weak", "strong"), [((1.0, 0.5), (4.0, 0.9)), ((1.0, 0.1), (4.0, 0.9))])
def test_a_cascade_pays_exactly_where_the_weak_model_is_cheaper_per_answer(weak, strong):
    (c_weak, r_weak), (c_strong, r_strong) = weak, strong
    cascade = cost_of_pass(c_weak + (1 - r_weak) * c_strong, r_weak + (1 - r_weak) * r_strong)
    assert (cascade < cost_of_pass(*strong)) == (cost_of_pass(*weak) < cost_of_pass(*strong))


def test_eight_runs_often_miss_a_rare_success_and_smoothing_never_says_never():
    assert pytest.approx(0.43, abs=0.001) == (1 - 0.1) ** 8
    assert np.isinf(cost_of_pass(1.0, success_rate(0, 8)))
    assert cost_of_pass(1.0, success_rate(0, 8, smoothed=True)) == pytest.approx(18.0)


def test_gain_is_infinite_where_a_question_comes_into_reach():
    assert gain([[INF, 3.0, 9.0]], [[INF, INF, 5.0]]).tolist() == [0.0, INF, 0.0]


@pytest.mark.parametrize(
    ("v", "family", "expert", "share"),
    [
        ([[4.0, 4.0], [1.0, 1.0]], [False, True], None, 0.75),
        ([[1.0], [4.0]], [False, True], None, 0.0),
        ([[INF], [4.0]], [False, True], None, 1.0),
        ([[INF], [INF]], [False, True], None, 0.0),
        ([[4.0]], [True], None, 1.0),
        ([[4.0]], [True], [16.0], 0.75),
    ],
)
def test_essentialness_in_every_case(v, family, expert, share):
    assert essentialness(v, family, expert) == share


def test_cost_per_right_answer_is_the_bill_over_the_right_answers():
    result = cost_per_right([1.0, 2.0, 3.0, 2.0], [1, 0, 1, 0], seed=1)
    assert result.value == 4.0
    assert result.interval.low <= 4.0 <= result.interval.high
    assert cost_per_right([1.0, 1.0], [0, 0], seed=1).value == INF


@pytest.mark.parametrize(
    ("tries", "each", "questions", "total"), [(5, 0.0072, 300, 10.8), (1, 0.13, 300, 39), (1, 0.17, 300, 51)]
)
def test_published_bills_come_out(tries, each, questions, total):
    result = cost_per_right([tries * each] * questions, [1] * questions, seed=1, draws=10)
    assert result.value * questions == pytest.approx(total)


def test_frontier_keeps_what_nothing_beats():
    assert frontier([3.0, 1.0, 1.0, 2.0, 4.0], [0.9, 0.5, 0.6, 0.6, 0.8]) == (2, 0)
    assert frontier([1.0, 1.0], [0.5, 0.5]) == (0,)
    assert frontier([], []) == ()


def test_the_cheapest_plan_for_an_accuracy():
    assert cheapest([3.0, 1.0], [0.9, 0.5], 0.9) == 0
    assert cheapest([3.0, 1.0], [0.9, 0.5], 0.91) is None


def test_worth_ranges_have_the_break_even_between_neighbours():
    ranges = worth_ranges([2.0, 1.0, 10.0], [0.5, 0.5, 0.75])
    assert [(r.plan, r.low, r.high) for r in ranges] == [(None, 0, 2.0), (1, 2.0, 36.0), (2, 36.0, INF)]


def test_a_free_plan_leaves_no_worth_for_nothing():
    assert [(r.plan, r.low) for r in worth_ranges([0.0, 1.0], [0.25, 0.5])] == [(0, 0.0), (1, 4.0)]


def test_plans_that_are_never_right_are_never_bought():
    assert [r.plan for r in worth_ranges([0.0, 1.0], [0.0, 0.0])] == [None]
    assert [r.plan for r in worth_ranges([], [])] == [None]


def test_below_the_envelope_nothing_is_ever_best():
    assert [r.plan for r in worth_ranges([1.0, 2.0, 3.0], [0.1, 0.5, 0.9])] == [None, 2]


def test_at_a_break_even_the_dearer_plan_is_named():
    ranges = worth_ranges([1.0], [0.5])
    assert [best_buy(ranges, worth) for worth in (1.99, 2.0)] == [None, 0]


def test_negative_costs_are_refused():
    with pytest.raises(UsageError, match="negative"):
        worth_ranges([-1.0], [0.5])
