"""Published figures of verifiers, allocation and cost-of-pass from the copied data."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from outlay.economics import sub_pools
from outlay.economics.allocation import (
    SCHEDULES,
    level_budget,
    remaining,
    shares,
    shares_as_printed,
    word_budgets,
)
from outlay.economics.cost_of_pass import frontier_value, task_value
from outlay.economics.solve_vs_verify import Checker, best_split, fit_split_law
from outlay.errors import UsageError

DATA = Path(__file__).parent.parent / "data"


def rows(name):
    with (DATA / name).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_the_line_between_accuracy_and_the_accuracy_of_accepted_answers():
    models = {r["model"]: r for r in rows("inference-scaling-flaws/humaneval_plus_models.csv")}
    x, y = (
        np.array([float(r[key]) for r in models.values()]) for key in ("pass_at_1_plus", "p_plus_given_base")
    )
    slope, intercept = np.polyfit(x, y, 1)
    assert (slope, intercept) == (pytest.approx(0.21829, abs=5e-6), pytest.approx(0.72471, abs=5e-6))
    assert np.corrcoef(x, y)[0, 1] ** 2 == pytest.approx(0.89182, abs=5e-6)
    assert (y < float(models["GPT-4o"]["pass_at_1_plus"])).sum() == 12


def test_rewards_in_the_simulated_table_are_linear_in_the_cost_while_the_tries_stay():
    """GPT-4o at 200 tries: P(right) 0.910, P(wrong) 0.070, whatever a wrong answer costs."""
    table = [
        r for r in rows("inference-scaling-flaws/humaneval_optimal_k_simulated.csv") if r["model"] == "GPT-4o"
    ]
    always = [r for r in table if r["k_opt"] == "200"]
    assert len(always) == 4
    for row in always:
        cost = float(row["fp_cost_over_tp_benefit"])
        assert float(row["max_mean_reward"]) == pytest.approx(0.910 - 0.070 * cost, abs=0.0005 * (1 + cost))


def test_the_theory_table_is_unbounded_below_each_models_break_even_and_short_above_it():
    for row in rows("inference-scaling-flaws/humaneval_optimal_k_theory_heatmap.csv"):
        tries = [int(v) for key, v in row.items() if key != "model"]
        unbounded = [k > 40 for k in tries]
        assert unbounded == sorted(unbounded, reverse=True), row["model"]
        short = [k for k in tries if k <= 40]
        assert short == sorted(short, reverse=True), row["model"]
        assert max(short) <= 5


def test_the_human_baseline_bounds_every_frontier():
    prices = {
        r["task"]: float(r["human_expert_cost_usd"]) for r in rows("cost-of-pass/human_baseline_costs.csv")
    }
    assert prices == {
        "TwoDigitAddition": 0.02,
        "GSM8K": 3.5,
        "BBQ": 0.1,
        "GPQA_Diamond": 58.0,
        "MATH500": 12.0,
        "AIME_2024": 20.0,
    }
    for price in prices.values():
        expert = np.full(4, price)
        assert task_value(np.empty((0, 4)), expert) == pytest.approx(price)
        assert frontier_value([[price / 2, np.inf, 2 * price, price]], expert).max() == price


REGIMES = {
    "the measured verifier": (
        Checker(0.82, 0.63, 0.7, 0.7),
        [(0.55, 0.48), (0.64, 0.50), (0.67, 0.53), (0.69, 0.54)],
    ),
    "its rates, independent": (Checker(0.82, 0.63), [(0.56, 0.49), (0.65, 0.54), (0.67, 0.64), (0.68, 0.70)]),
    "a better one": (Checker(0.9, 0.3, 0.5, 0.5), [(0.54, 0.55), (0.64, 0.65), (0.66, 0.74), (0.66, 0.77)]),
    "a good one": (Checker(0.95, 0.05), [(0.54, 0.60), (0.61, 0.79), (0.64, 0.90), (0.63, 0.94)]),
}
BUDGETS = (4, 16, 64, 128)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_four_regimes_of_solving_against_verifying(regime):
    checker, expected = REGIMES[regime]
    p = beta.ppf((np.arange(400) + 0.5) / 400, 1.0, 1.2)
    for budget, (vote_then, checked_then) in zip(BUDGETS, expected, strict=True):
        vote, checked = best_split(p, 1 / np.arange(1, 7), checker, budget, check_cost=1.0, seed=33)
        assert checked is not None
        assert (vote.success, checked.success) == (
            pytest.approx(vote_then, abs=0.045),
            pytest.approx(checked_then, abs=0.03),
        )
        if abs(checked_then - vote_then) > 0.03:
            assert (checked.success > vote.success) == (checked_then > vote_then)


def test_solutions_grow_faster_than_checks_under_a_good_checker():
    p = beta.ppf((np.arange(400) + 0.5) / 400, 1.0, 1.2)
    found = [
        best_split(p, [1.0], Checker(0.95, 0.05), c, check_cost=1.0, seed=1)[1] for c in (4, 8, 16, 32, 64, 128)
    ]
    splits = [s for s in found if s is not None]
    law = fit_split_law([4, 8, 16, 32, 64, 128], [s.solutions for s in splits], [s.checks for s in splits])
    assert law.a > law.b > 0


def test_the_printed_allocator_against_the_exact_one():
    rng = np.random.default_rng(2505)
    worst, worse_than_equal = 1.0, 0
    for _ in range(2000):
        m = int(rng.integers(2, 6))
        c, a = rng.uniform(0.1, 5, m), rng.uniform(0.05, 2, m)
        exact, printed = remaining(c, a, shares(c, a, 300.0)), remaining(c, a, shares_as_printed(c, a, 300.0))
        assert exact <= printed * (1 + 1e-9)
        worst = max(worst, printed / exact)
        worse_than_equal += printed > remaining(c, a, np.full(m, 300.0 / m))
    assert 2.3 < worst < 3.2
    assert worse_than_equal / 2000 == pytest.approx(0.73, abs=0.03)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [
        ("constant", 0.192, 0.404),
        ("exponential", 0.221, 0.368),
        ("linear", 0.326, 0.233),
        ("cosine", 0.445, 0.095),
        ("polynomial", 0.465, 0.123),
    ],
)
def test_word_budgets_of_the_decomposed_questions(schedule, first, last):
    questions = rows("plan-and-budget/math500_credits.csv")
    assert Counter(r["level"] for r in questions) == {"1": 43, "2": 90, "3": 105, "4": 128, "5": 134}
    budgets = [level_budget(int(r["level"])) for r in questions]
    assert np.mean(budgets) == pytest.approx(411.7)
    given = [
        word_budgets([int(x) for x in r["credits"].split()], b, schedule)
        for r, b in zip(questions, budgets, strict=True)
    ]
    assert [sum(g) for g in given] == budgets
    assert np.mean([g[0] / sum(g) for g in given]) == pytest.approx(first, abs=0.0006)
    assert np.mean([g[-1] / sum(g) for g in given]) == pytest.approx(last, abs=0.0006)


def test_credits_that_do_not_sum_to_a_hundred_are_normalised():
    odd = [r for r in rows("plan-and-budget/naturalinstructions500_credits.csv") if _total(r) != 100]
    assert len(odd) == 1
    for schedule in SCHEDULES:
        assert sum(word_budgets([int(x) for x in odd[0]["credits"].split()], 350, schedule)) == 350
    with pytest.raises(UsageError):
        word_budgets([], 350)


def _total(row):
    return sum(int(x) for x in row["credits"].split())


def test_the_public_pool_of_a_hundred_questions():
    found = [
        json.loads(line) for line in (DATA / "arbitrage/math100_n8_rm.jsonl").read_text("utf-8").splitlines()
    ]
    codes = [[sorted(set(q["pred"])).index(a) for a in q["pred"]] for q in found]
    correct, score = [q["correct"] for q in found], [q["rm_score"] for q in found]
    first_seen = [q["correct"][q["pred"].index(Counter(q["pred"]).most_common(1)[0][0])] for q in found]
    assert len(found) == 100
    assert 100 * sub_pools.pass_at_k(correct, [1]).mean() == pytest.approx(91.0)
    assert 100 * sub_pools.vote(codes, correct, [8]).mean() == pytest.approx(92.5)
    assert 100 * np.mean(first_seen) == pytest.approx(93.0)
    assert 100 * sub_pools.best_of(codes, correct, score, [8]).mean() == pytest.approx(94.0)
    assert 100 * sub_pools.pass_at_k(correct, [8]).mean() == pytest.approx(96.0)
