"""The planner's rule over five figures a plan: closed forms, never above the budget, and monotone in the worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.errors import UsageError
from outlay.policies._rule import best_plan, burdens
from outlay.policies._worth import Worth

NAN = float("nan")
share = st.integers(0, 20).map(lambda n: n / 20)
dollars = st.integers(0, 50).map(lambda n: n / 1000)
figures = st.lists(st.tuples(share, dollars, dollars), min_size=1, max_size=8).map(
    lambda rows: [(right, cost, cost + more) for right, cost, more in rows]
)


def rule(rows, worth, budget_usd=None):
    right, cost, most = zip(*rows, strict=True)
    return best_plan(
        right,
        burdens([1 - r for r in right], cost, [NAN] * len(cost), worth),
        most,
        worth,
        budget_usd=budget_usd,
    )


def test_between_two_plans_the_break_even_decides():
    """At 0.01 right on 0.5, at 0.04 on 0.9: 0.02 for any, (0.04 - 0.01) / 0.4 for the dearer one."""
    rows = [(0.5, 0.01, 0.01), (0.9, 0.04, 0.05)]
    found = [rule(rows, Worth(value_usd=v)) for v in (0.0199, 0.0201, 0.0749, 0.0751)]
    assert found == [None, 0, 0, 1]
    assert rule(rows, Worth(value_usd=0.0751), 0.0499) == 0
    assert rule(rows, Worth(value_usd=0.0751), 0.009) is None
    assert rule(rows, Worth(), 0.05) == 1
    assert [rule(rows, Worth(accuracy=a)) for a in (0.5, 0.6, 0.95)] == [0, 1, None]


def test_a_wrong_answer_and_a_second_have_their_price():
    """Abstaining is worth it from W = 0.02 on: 0.5 V - 0.5 W against 0.4 V, V = 0.1."""
    rows = ([0.5, 0.4], [0.5, 0.0], [0.0, 0.0], [1.0, 3.0])
    for wrong_usd, per_s, best in ((0.0, 0.0, 0), (0.0199, 0.0, 0), (0.0201, 0.0, 1), (0.0201, 0.0001, 0)):
        worth = Worth(value_usd=0.1, wrong_usd=wrong_usd, usd_per_s=per_s)
        burden = burdens(rows[1], rows[2], rows[3], worth)
        assert best_plan(rows[0], burden, rows[2], worth) == best
    assert burdens([0.25], [0.01], [4.0], Worth(wrong_usd=0.2, usd_per_s=0.01)) == pytest.approx([0.1])


def test_ties_go_to_the_cheaper_and_then_to_the_first():
    assert rule([(0.5, 0.02, 0.02), (0.4, 0.01, 0.01)], Worth(value_usd=0.1)) == 1
    assert rule([(0.5, 0.01, 0.01), (0.5, 0.01, 0.01)], Worth(value_usd=0.1)) == 0


def test_what_cannot_be_weighed_is_refused():
    with pytest.raises(UsageError, match="its price is not known"):
        burdens([0.1], [NAN], [1.0], Worth(value_usd=1.0))
    with pytest.raises(UsageError, match="how long it takes is not known"):
        burdens([0.1], [0.1], [NAN], Worth(value_usd=1.0, usd_per_s=0.1))
    assert burdens([0.1], [0.1], [NAN], Worth(value_usd=1.0)) == [0.1]
    with pytest.raises(UsageError, match="Say what a right answer is worth"):
        best_plan([0.5], [0.1], [0.1], Worth(wrong_usd=1.0))
    assert best_plan([], [], [], Worth(value_usd=1.0)) is None


@given(figures, dollars.filter(bool), st.one_of(st.none(), dollars), st.one_of(st.none(), dollars))
def test_a_plan_above_the_budget_is_never_bought(rows, value_usd, wrong_usd, budget_usd):
    worth = Worth(value_usd=value_usd, wrong_usd=wrong_usd or 0.0)
    at = rule(rows, worth, budget_usd)
    fits = [i for i, (_, _, most) in enumerate(rows) if budget_usd is None or most <= budget_usd]
    assert at is None or at in fits
    net = [value_usd * r - (c + worth.wrong_usd * (1 - r)) for r, c, _ in rows]
    assert max((net[i] for i in fits), default=0.0) <= (0.0 if at is None else net[at]) + 1e-12


@given(figures, dollars, dollars)
def test_a_higher_worth_never_buys_what_is_right_less_often(rows, one_usd, other_usd):
    low, high = sorted((one_usd, other_usd))
    bought = [rule(rows, Worth(value_usd=v)) for v in (low, high)]
    right = [0.0 if at is None else rows[at][0] for at in bought]
    assert right[0] <= right[1]
