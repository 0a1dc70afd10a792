"""No mixture of plans within the budget buys more than `spread` does."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlay.policies._spread import spread

plans = st.lists(st.tuples(st.integers(0, 40).map(float), st.integers(0, 20).map(lambda n: n / 20)), max_size=6)
budgets = st.integers(0, 50).map(float)
worths = st.none() | st.integers(0, 400).map(float)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def best_mixture(menu: list[tuple[float, float]], budget: float, value: float | None) -> float:
    """The most over all pairs of plans, nothing among them, each at the share that the budget admits or less."""

    def net(cost: float, accuracy: float) -> float:
        return accuracy if value is None else value * accuracy - cost

    best = 0.0
    for (c1, p1), (c2, p2) in combinations_with_replacement([(0.0, 0.0), *menu], 2):
        (c1, p1), (c2, p2) = sorted([(c1, p1), (c2, p2)])
        for share in (0.0, 1.0, (budget - c1) / (c2 - c1) if c2 > c1 else 0.0):
            if 0 <= share <= 1 and (1 - share) * c1 + share * c2 <= budget + 1e-9:
                best = max(best, (1 - share) * net(c1, p1) + share * net(c2, p2))
    return best


@unhurried
@given(plans, budgets, worths)
def test_nothing_within_the_budget_is_better(menu, budget, value):
    found = spread([c for c, _ in menu], [p for _, p in menu], budget, value)
    assert len(found.parts) <= 2
    assert sum(part.share for part in found.parts) == pytest.approx(1.0)
    mine = [(part.share, *((0.0, 0.0) if part.plan is None else menu[part.plan])) for part in found.parts]
    assert sum(share * cost for share, cost, _ in mine) <= budget + 1e-9
    total = sum(share * (p if value is None else value * p - cost) for share, cost, p in mine)
    assert total == pytest.approx(best_mixture(menu, budget, value), abs=1e-9)


@unhurried
@given(plans, budgets, worths, st.integers(0, 20).map(float))
def test_more_money_never_buys_less(menu, budget, value, more):
    cost, accuracy = [c for c, _ in menu], [p for _, p in menu]

    def right(money: float) -> float:
        parts = spread(cost, accuracy, money, value).parts
        return sum(part.share * accuracy[part.plan] for part in parts if part.plan is not None)

    assert right(budget + more) >= right(budget) - 1e-9
