"""One budget over many questions and over the parts of one: against enumeration, invariants, refusals."""

from itertools import product

import numpy as np
import pytest

from outlay.economics.allocation import (
    SCHEDULES,
    allocate,
    e3,
    level_budget,
    remaining,
    shares,
    shares_as_printed,
    word_budgets,
)
from outlay.errors import UsageError


def best_by_enumeration(gain, price, budget):
    units = product(*(range(gain.shape[1]) for _ in gain))
    return max(
        sum(gain[q, k] for q, k in enumerate(chosen))
        for chosen in units
        if sum(price[q] * k for q, k in enumerate(chosen)) <= budget + 1e-9
    )


def coverage(p, most):
    return 1 - (1 - np.asarray(p)[:, None]) ** np.arange(most + 1)


@pytest.mark.parametrize("seed", range(8))
def test_concave_gains_at_one_price_are_divided_exactly(seed):
    rng = np.random.default_rng(seed)
    gain, price = coverage(rng.random(4), 4), np.full(4, 0.5)
    for budget in (0.0, 0.4, 1.0, 2.75, 5.0, 100.0):
        found = allocate(gain, price, budget)
        assert found.exact
        assert found.cost <= budget + 1e-9
        assert found.gain == pytest.approx(best_by_enumeration(gain, price, budget))


@pytest.mark.parametrize("seed", range(12))
def test_any_gains_at_any_prices_stay_under_the_bound_and_exact_means_exact(seed):
    rng = np.random.default_rng(seed)
    gain = np.concatenate([np.zeros((4, 1)), rng.normal(0.3, 0.4, (4, 3)).cumsum(axis=1)], axis=1)
    price = rng.uniform(0.2, 2.0, 4)
    for budget in rng.uniform(0, 8, 5):
        found, best = allocate(gain, price, budget), best_by_enumeration(gain, price, budget)
        assert found.cost <= budget + 1e-9
        assert found.gain <= best + 1e-9 <= found.bound + 2e-9
        assert not found.exact or found.gain == pytest.approx(best)


def test_gains_that_rise_late_are_bought_in_one_step():
    vote = [[0.0, 0.0, 0.0, 0.6]]
    assert allocate(vote, [1.0], 2.0).units_Q == (0,)
    assert allocate(vote, [1.0], 3.0).units_Q == (3,)


def test_a_budget_is_a_cap_and_never_a_target():
    gain_usd = 0.5 * coverage([0.5], 10)
    found = allocate(gain_usd, [0.1], 100.0, least=1.0)
    assert found.units_Q == (2,)
    assert found.cost == pytest.approx(0.2)


def test_hopeless_and_settled_questions_get_nothing():
    found = allocate(np.vstack([coverage([0.0, 0.3], 5), np.zeros((1, 6))]), np.ones(3), 5.0)
    assert found.units_Q == (0, 5, 0)


def test_more_budget_never_gains_less():
    rng = np.random.default_rng(5)
    gain = coverage(rng.random(6), 5)
    gains = [allocate(gain, np.ones(6), b).gain for b in range(31)]
    assert gains == sorted(gains)
    assert (np.diff(gains, 2) <= 1e-12).all()


def test_the_closed_form_is_exact_where_all_decays_are_equal():
    rng = np.random.default_rng(0)
    for a in (0.1, 0.7, 2.0):
        c = rng.uniform(0.1, 5, 4)
        assert shares_as_printed(c, np.full(4, a), 300.0) == pytest.approx(shares(c, np.full(4, a), 300.0))


def test_the_exact_shares_are_never_beaten():
    rng = np.random.default_rng(1)
    for _ in range(200):
        m = int(rng.integers(1, 6))
        c, a = rng.uniform(0.1, 5, m), rng.uniform(0.05, 2, m)
        exact = shares(c, a, 300.0)
        assert exact.sum() == pytest.approx(300.0)
        left = remaining(c, a, exact)
        for other in (shares_as_printed(c, a, 300.0), np.full(m, 300.0 / m), 300.0 * rng.dirichlet(np.ones(m))):
            assert left <= remaining(c, a, other) * (1 + 1e-9)


def test_exact_shares_do_not_change_with_the_scale_of_the_uncertainties_and_the_printed_ones_do():
    c, a = np.array([1.0, 2.0, 3.0]), np.array([0.2, 0.8, 1.5])
    assert shares(10 * c, a, 100.0) == pytest.approx(shares(c, a, 100.0))
    assert shares_as_printed(10 * c, a, 100.0) != pytest.approx(shares_as_printed(c, a, 100.0), rel=0.01)


def test_one_part_gets_all_and_a_part_that_nothing_helps_gets_nothing():
    assert shares([2.0], [0.3], 70.0).tolist() == [70.0]
    assert shares([2.0, 5.0], [0.3, 0.0], 70.0).tolist() == [70.0, 0.0]
    assert shares([2.0, 5.0], [0.3, 1e-9], 70.0)[1] < 1e-5


@pytest.mark.parametrize(
    ("credits", "words", "schedule", "expected"),
    [
        ([20, 80], 200, "polynomial", (100, 100)),
        ([20, 30, 50], 350, "cosine", (172, 140, 38)),
        ([25, 25, 25, 25], 450, "linear", (180, 135, 90, 45)),
        ([20, 80], 250, "exponential", (54, 196)),
        ([100], 200, "cosine", (200,)),
        ([1, 1, 1], 10, "constant", (4, 3, 3)),
    ],
)
def test_word_budgets_of_worked_cases(credits, words, schedule, expected):
    assert word_budgets(credits, words, schedule) == expected


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_word_budgets_sum_to_the_budget_for_any_credits(schedule):
    rng = np.random.default_rng(3)
    for words in (0, 1, 7, 200, 599):
        budgets = word_budgets([*rng.integers(0, 40, 6).tolist(), 1], words, schedule)
        assert sum(budgets) == words
        assert min(budgets) >= 0


def test_e3_doubles_and_quarters():
    assert e3(80.0, 1000.0) == 2 * e3(80.0, 2000.0) == 4 * e3(40.0, 1000.0)
    assert e3(0.0, 1.0) == 0.0


def test_refusals():
    with pytest.raises(UsageError, match="those of no units 0"):
        allocate([[0.1, 0.2]], [1.0], 1.0)
    with pytest.raises(UsageError, match="must be finite"):
        allocate([[0.0, np.nan]], [1.0], 1.0)
    with pytest.raises(UsageError, match="price of a unit"):
        allocate([[0.0, 0.2]], [0.0], 1.0)
    with pytest.raises(UsageError, match="budget"):
        allocate([[0.0, 0.2]], [1.0], -1.0)
    with pytest.raises(UsageError, match="at least one question"):
        allocate(np.zeros((0, 2)), [], 1.0)
    with pytest.raises(UsageError, match="no part is helped"):
        shares([1.0, 2.0], [0.0, 0.0], 10.0)
    with pytest.raises(UsageError, match="above 0"):
        shares([0.0], [1.0], 10.0)
    with pytest.raises(UsageError, match="there are: constant"):
        word_budgets([1], 10, "stepwise")
    with pytest.raises(UsageError, match="1 to 5"):
        level_budget(6)
