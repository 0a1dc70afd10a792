"""One budget over many questions alike: closed forms."""

from __future__ import annotations

import pytest

from outlay.policies._spread import Part, spread

COST, ACCURACY = [1.0, 2.0, 4.0], [0.5, 0.5625, 0.75]
"""The second lies below the envelope of the others."""


def test_a_budget_that_buys_the_best_plan_buys_it_alone():
    found = spread(COST, ACCURACY, 4.0)
    assert found.parts == (Part(2, 1.0),)
    assert found.usd_per_right is None
    assert spread(COST, ACCURACY, 400.0) == found


def test_between_two_plans_of_the_envelope_the_budget_is_filled():
    found = spread(COST, ACCURACY, 2.5)
    assert [(p.plan, pytest.approx(p.share)) for p in found.parts] == [(0, 0.5), (2, 0.5)]
    assert found.usd_per_right == pytest.approx(12.0)


def test_below_the_cheapest_plan_some_questions_get_nothing():
    found = spread(COST, ACCURACY, 0.25)
    assert [(p.plan, pytest.approx(p.share)) for p in found.parts] == [(None, 0.75), (0, 0.25)]
    assert found.usd_per_right == pytest.approx(2.0)


def test_a_budget_at_a_plan_is_one_part_and_binds():
    found = spread(COST, ACCURACY, 1.0)
    assert found.parts == (Part(0, 1.0),)
    assert found.usd_per_right == pytest.approx(12.0)


@pytest.mark.parametrize("value, plan", [(1.9, None), (2.0, None), (2.1, 0), (11.9, 0), (12.0, 0), (12.1, 2)])
def test_a_worth_buys_no_further_than_it_pays(value, plan):
    assert spread(COST, ACCURACY, 100.0, value).parts == (Part(plan, 1.0),)


def test_a_worth_under_a_budget_that_binds():
    assert spread(COST, ACCURACY, 2.5, 13.0) == spread(COST, ACCURACY, 2.5)


def test_the_dearer_part_takes_the_first_places():
    found = spread(COST, ACCURACY, 2.5)
    assert [found.at(x) for x in (0.0, 0.49, 0.51, 0.999)] == [2, 2, 0, 0]
    assert spread(COST, ACCURACY, 400.0).at(0.999) == 2


def test_free_plans_and_no_budget():
    assert spread([0.0, 1.0], [0.4, 0.4], 0.0).parts == (Part(0, 1.0),)
    assert spread([1.0], [0.4], 0.0).parts == (Part(None, 1.0),)
    assert spread([1.0], [0.0], 9.0).parts == (Part(None, 1.0),)
    assert spread([], [], 9.0).parts == (Part(None, 1.0),)


@pytest.mark.parametrize(
    "cost, accuracy, budget, value",
    [
        ([-1.0], [0.5], 1.0, None),
        ([float("nan")], [0.5], 1.0, None),
        ([1.0], [1.5], 1.0, None),
        ([1.0], [0.5], float("inf"), None),
        ([1.0], [0.5], -1.0, None),
        ([1.0], [0.5], 1.0, float("nan")),
        ([1.0, 2.0], [0.5], 1.0, None),
    ],
)
def test_numbers_out_of_range_are_refused(cost, accuracy, budget, value):
    with pytest.raises(ValueError, match=r"finite|for each plan"):
        spread(cost, accuracy, budget, value)
