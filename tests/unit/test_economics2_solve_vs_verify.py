"""Solutions against checks: closed forms, exact expectations against enumeration, the planner, refusals."""

from itertools import combinations, product

import numpy as np
import pytest

from outlay.economics import sub_pools
from outlay.economics.solve_vs_verify import (
    Checker,
    best_of_k,
    best_split,
    checked_success,
    effective_checks,
    fit_split_law,
    recorded_success,
    split_by_law,
    split_cost,
    voted_success,
)
from outlay.errors import UsageError


def test_the_cost_of_a_split():
    assert split_cost([16, 4], [0, 3], 1.0).tolist() == [16.0, 16.0]
    assert split_cost([4, 2], [1, 3], 2.0).tolist() == [12.0, 14.0]


def test_best_of_k_on_the_published_examples():
    assert best_of_k([[0, 1, 1, 0]], [[4, 3, 2, 1]], [1, 2, 3, 4])[0] == pytest.approx([0.5, 0.5, 0.25, 0.0])
    assert best_of_k([[1, 1, 0, 0]], [[4, 3, 2, 1]], [2])[0, 0] == pytest.approx(0.833333, abs=5e-7)


@pytest.mark.parametrize("seed", range(6))
def test_best_of_k_is_the_average_over_all_sub_pools_with_ties_shared(seed):
    rng = np.random.default_rng(seed)
    correct, score = rng.random(7) < 0.5, rng.integers(0, 3, 7) / 2
    for k in range(1, 8):
        values = []
        for chosen in combinations(range(7), k):
            best = max(score[i] for i in chosen)
            values.append(np.mean([correct[i] for i in chosen if score[i] == best]))
        assert best_of_k([correct], [score], [k])[0, 0] == pytest.approx(np.mean(values))


def test_best_of_k_is_the_selection_over_sub_pools_where_no_scores_tie():
    rng = np.random.default_rng(2)
    correct, score = rng.random((5, 9)) < 0.4, rng.permuted(np.tile(np.arange(9.0), (5, 1)), axis=1)
    codes = np.tile(np.arange(9), (5, 1))
    assert best_of_k(correct, score, [1, 4, 9]) == pytest.approx(
        sub_pools.best_of(codes, correct, score, [1, 4, 9])
    )


def test_best_of_k_on_many_solutions_stays_finite():
    correct = np.arange(3000) % 2 == 0
    values = best_of_k([correct], [np.arange(3000.0)], [1, 1500, 3000])[0]
    assert values[0] == pytest.approx(0.5)
    assert values[2] == 0.0


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.95, 1.0])
def test_accepts_have_the_stated_mean_and_correlation(correlation):
    law = Checker(0.6, 0.5, correlation).accepts(6, right=True)
    a = np.arange(7)
    assert law.sum() == pytest.approx(1.0)
    assert law @ a == pytest.approx(6 * 0.6)
    both = law @ (a * (a - 1)) / 30
    assert (both - 0.36) / 0.24 == pytest.approx(correlation, abs=1e-9)


def test_the_mean_of_checks_varies_as_that_of_effective_checks():
    law, a = Checker(0.6, 0.5, 0.7).accepts(8, right=True), np.arange(9)
    variance = (law @ a**2 - (law @ a) ** 2) / 64
    assert variance == pytest.approx(0.24 / effective_checks(8, 0.7))


def test_correlated_checks_explain_the_measured_unanimity():
    """GPQA traces: 0.363 of the wrong solutions were accepted by all of 24 checks; 1.4e-5 under independence."""
    measured, independent = Checker(0.817, 0.628, 0.78, 0.72), Checker(0.817, 0.628)
    assert measured.accepts(24, right=False)[-1] == pytest.approx(0.363, abs=0.03)
    assert independent.accepts(24, right=False)[-1] == pytest.approx(1.4e-5, rel=0.03)
    gained = [measured.evidence(n, n) - measured.evidence(1, 1) for n in (4, 8, 24)]
    assert gained == pytest.approx([0.29 - 0.15, 0.37 - 0.15, 0.49 - 0.15], abs=0.04)
    assert independent.evidence(24, 24) - independent.evidence(1, 1) == pytest.approx(6.22 - 0.15, abs=0.05)


@pytest.mark.parametrize("checks", [0, 1, 2])
def test_checked_success_is_the_sum_over_all_outcomes(checks):
    p, solutions, checker = 0.35, 3, Checker(0.8, 0.4, 0.5, 0.2)
    law = {r: checker.accepts(checks, right=r) for r in (True, False)}
    total = 0.0
    for outcome in product([(r, a) for r in (True, False) for a in range(checks + 1)], repeat=solutions):
        chance = np.prod([(p if r else 1 - p) * law[r][a] for r, a in outcome])
        best = max(a for _, a in outcome)
        total += chance * np.mean([r for r, a in outcome if a == best])
    assert checked_success([p], checker, solutions, checks)[0] == pytest.approx(total)


def test_a_perfect_checker_gives_coverage_and_a_blind_one_nothing():
    p = np.array([0.1, 0.6])
    assert checked_success(p, Checker(1.0, 0.0), 5, 1) == pytest.approx(1 - (1 - p) ** 5)
    assert checked_success(p, Checker(0.5, 0.5, 0.3, 0.3), 64, 16) == pytest.approx(p)


def test_repeats_do_not_save_a_checker_that_always_repeats_itself():
    p = [0.4]
    once, often = (checked_success(p, Checker(0.9, 0.5, 1.0, 1.0), 8, v)[0] for v in (1, 32))
    assert often == pytest.approx(once)


def test_a_vote_over_one_wrong_answer_is_the_binomial():
    p = 0.6
    exact = p**3 + 3 * p**2 * (1 - p)
    assert voted_success(np.full(2000, p), [1.0], 3, seed=1).mean() == pytest.approx(exact, abs=0.006)


def test_a_split_stays_in_its_budget_and_one_solution_buys_no_check():
    vote, checked = best_split([0.5], [1.0], Checker(0.9, 0.1), 10, check_cost=1.0, seed=1)
    assert vote.cost == 10.0
    assert checked is not None
    assert 5 < checked.cost <= 10
    assert best_split([0.5], [1.0], Checker(0.9, 0.1), 1, check_cost=1.0, seed=1)[1] is None


def test_the_law_of_the_split_is_recovered_with_its_exponents_inside_their_intervals():
    budgets = 2.0 ** np.arange(2, 11)
    rng = np.random.default_rng(1)
    noise = np.exp(rng.normal(0, 0.05, (2, 9)))
    law = fit_split_law(budgets, 0.8 * budgets**0.57 * noise[0], 0.5 * budgets**0.39 * noise[1])
    assert (law.a, law.b) == (pytest.approx(0.57, abs=0.03), pytest.approx(0.39, abs=0.03))
    assert law.a_interval.low < 0.57 < law.a_interval.high
    assert law.b_interval.low < 0.39 < law.b_interval.high
    assert law.a > law.b


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 16, 100, 1000])
@pytest.mark.parametrize("check_cost", [0.25, 1.0, 2.0])
def test_the_split_by_the_law_never_exceeds_the_budget(budget, check_cost):
    law = fit_split_law([4, 16, 64, 256], [3, 8, 19, 45], [1, 2, 4, 8])
    split = split_by_law(law, budget, check_cost=check_cost)
    assert split.cost <= budget
    assert split.cost == split_cost(split.solutions, split.checks, check_cost)
    assert split.extrapolated == (not 4 <= budget <= 256)


def test_below_the_cross_over_it_is_a_vote():
    law = fit_split_law([4, 16, 64], [2, 4, 8], [1, 2, 4])
    split = split_by_law(law, 60.5, check_cost=1.0, cross_over=61.0)
    assert (split.solutions, split.checks, split.cost) == (60, 0, 60.0)


def test_recorded_verdicts_give_the_success_of_the_world_they_came_from():
    rng = np.random.default_rng(7)
    p, checker = np.tile([0.2, 0.5, 0.7], 200), Checker(0.85, 0.4, 0.5, 0.5)
    correct = rng.random((600, 8)) < p[:, None]
    rate = np.where(correct, 0.85, 0.4)
    accepts = rng.binomial(6, rng.beta(rate, 1 - rate))
    found = recorded_success(correct, accepts, np.full(accepts.shape, 6), [1, 4], 3, seed=1, draws=4)
    expected = [checked_success(p, checker, s, 3).mean() for s in (1, 4)]
    assert found.mean(axis=0) == pytest.approx(expected, abs=0.025)


def test_all_recorded_checks_leave_nothing_to_chance():
    correct, accepts = [[1, 0, 1], [0, 0, 1]], [[3, 3, 0], [1, 0, 2]]
    checks = np.full((2, 3), 3)
    found = [recorded_success(correct, accepts, checks, [1, 2, 3], 3, seed=s) for s in (1, 2)]
    assert (found[0] == found[1]).all()
    assert found[0] == pytest.approx(best_of_k(correct, accepts, [1, 2, 3]))


def test_refusals():
    with pytest.raises(UsageError, match="needs 4 recorded checks"):
        recorded_success([[1, 0]], [[1, 0]], [[4, 3]], [1], 4, seed=1)
    with pytest.raises(UsageError, match="no more accepts than checks"):
        recorded_success([[1, 0]], [[5, 0]], [[4, 3]], [1], 1, seed=1)
    with pytest.raises(UsageError, match="3 different budgets"):
        fit_split_law([4, 4, 16], [1, 2, 3], [1, 1, 2])
    with pytest.raises(UsageError, match="above 0"):
        fit_split_law([4, 8, 16], [1, 2, 3], [0, 1, 2])
    with pytest.raises(UsageError, match="between 0 and 1"):
        Checker(1.2, 0.1)
    with pytest.raises(UsageError, match="impossible"):
        Checker(1.0, 1.0).evidence(0, 2)
    with pytest.raises(UsageError, match="finite score"):
        best_of_k([[1, 0]], [[np.nan, 0.0]], [1])
    with pytest.raises(UsageError, match="between 1 and the 2 solutions"):
        best_of_k([[1, 0]], [[1.0, 0.0]], [3])
    with pytest.raises(UsageError, match="one probability a question"):
        checked_success([np.nan], Checker(0.9, 0.1), 2, 1)
    with pytest.raises(UsageError, match="not all 0"):
        voted_success([0.5], [0.0], 3, seed=1)
    with pytest.raises(UsageError, match="must cost something"):
        best_split([0.5], [1.0], Checker(0.9, 0.1), 4, check_cost=0.0, seed=1)
