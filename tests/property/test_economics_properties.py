"""Laws of the economics, on any input."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.economics import sub_pools
from outlay.economics.cost_of_pass import cost_of_pass, essentialness, gain, task_value
from outlay.economics.frontier import frontier
from outlay.economics.worth import best_buy, worth_ranges

rates = st.floats(0.01, 1.0)
costs = st.integers(1, 1000)
plans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20).map(lambda x: x / 20)), max_size=8)
tables = st.integers(1, 4).flatmap(
    lambda q: st.lists(st.lists(costs.map(float), min_size=q, max_size=q), min_size=2, max_size=5)
)


@given(costs, rates, st.integers(1, 40))
def test_voting_and_best_of_k_never_lower_the_price_of_an_answer(cost, r, k):
    most = min(1 - (1 - r) ** k, 1.0)
    assert cost_of_pass(k * cost, most) >= cost_of_pass(cost, r) * (1 - 1e-12)


@given(costs, rates, st.integers(1, 40))
def test_the_price_does_not_depend_on_the_retry_limit(cost, r, limit):
    success = 1 - (1 - r) ** limit
    assert cost_of_pass(cost * success / r, success) == pytest.approx(cost_of_pass(cost, r))


@given(costs, rates, costs, rates)
def test_a_refinement_pays_iff_accuracy_grows_more_than_cost(c, r, dearer, better):
    if dearer * r != pytest.approx(better * c):
        assert (cost_of_pass(dearer, better) < cost_of_pass(c, r)) == (better / r > dearer / c)


@given(tables)
def test_more_models_never_raise_the_frontier(v):
    v = np.array(v)
    assert task_value(v) <= task_value(v[:-1])
    assert (gain(v[-1:], v[:-1]) >= 0).all()
    assert gain(v[-1:], v[:-1]).mean() == pytest.approx(task_value(v[:-1]) - task_value(v))
    assert 0 <= essentialness(v, np.arange(len(v)) == 0) < 1


@given(plans)
def test_every_plan_is_beaten_or_equalled_by_the_frontier(plans):
    cost, accuracy = [c for c, _ in plans], [a for _, a in plans]
    kept = frontier(cost, accuracy)
    assert all(any(cost[k] <= c and accuracy[k] >= a for k in kept) for c, a in plans)
    assert [cost[k] for k in kept] == sorted({cost[k] for k in kept})
    assert [accuracy[k] for k in kept] == sorted({accuracy[k] for k in kept})


@given(plans, st.integers(0, 4000).map(lambda x: x / 4))
def test_the_named_plan_has_the_best_net_value(plans, worth):
    cost, accuracy = [c for c, _ in plans], [a for _, a in plans]
    ranges = worth_ranges(cost, accuracy)
    assert ranges[0].low == 0
    assert ranges[-1].high == float("inf")
    assert all(a.high == b.low and a.low < a.high for a, b in pairwise(ranges))
    bought = best_buy(ranges, worth)
    value = 0.0 if bought is None else worth * accuracy[bought] - cost[bought]
    assert value == pytest.approx(max([0.0, *(worth * a - c for c, a in plans)]), abs=1e-9)


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=12), st.integers(0, 3))
def test_votes_and_scores_stay_below_coverage(classes, right):
    class_QS = np.array([classes])
    correct_QS = class_QS == right
    ks = list(range(1, len(classes) + 1))
    coverage = sub_pools.pass_at_k(correct_QS, ks)
    for share in (
        sub_pools.vote(class_QS, correct_QS, ks),
        sub_pools.best_of(class_QS, correct_QS, correct_QS, ks),
    ):
        assert (share <= coverage + 1e-12).all()
        assert share[0, 0] == pytest.approx(coverage[0, 0])
    assert sub_pools.best_of(class_QS, correct_QS, correct_QS, ks) == pytest.approx(coverage)
