"""The rest of cost-of-pass, and stakes: identities on random cases, recovered trends, break-evens, refusals."""

from math import comb, inf

import numpy as np
import pytest

from outlay.economics.cost_of_pass import cost_of_pass, essentialness, gain, task_value, technique_value
from outlay.economics.question_choice import chosen_questions
from outlay.economics.stakes import Offered, Stakes, break_even, full_cost, net_value
from outlay.economics.trend import fit_trend, value_over_time
from outlay.economics.worth import best_buy, worth_ranges
from outlay.errors import UsageError

RNG_SEEDS = range(5)


@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_voting_and_best_of_k_never_lower_the_cost_of_a_pass(seed):
    rng = np.random.default_rng(seed)
    cost, r = rng.uniform(0.1, 5, (3, 20)), rng.random((3, 20))
    plain = cost_of_pass(cost, r)
    for k in (3, 4, 5, 9):
        best = cost_of_pass(k * cost, 1 - (1 - r) ** k)
        vote = cost_of_pass(
            k * cost, sum(comb(k, j) * r**j * (1 - r) ** (k - j) for j in range(k // 2 + 1, k + 1))
        )
        assert (best >= plain * (1 - 1e-12)).all()
        assert (vote >= plain * (1 - 1e-12)).all()
        assert technique_value(np.vstack([best, vote]), plain) == 0.0


@pytest.mark.parametrize("most", [1, 2, 7, 100])
def test_the_cost_of_a_pass_does_not_depend_on_the_retry_limit(most):
    cost, check, r = 2.0, 0.3, 0.2
    success = 1 - (1 - r) ** most
    assert cost_of_pass((cost + check) * success / r, success) == pytest.approx((cost + check) / r)


@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_models_only_lower_the_frontier(seed):
    rng = np.random.default_rng(seed)
    v = cost_of_pass(rng.uniform(0.1, 5, (4, 12)), rng.binomial(8, rng.random((4, 12))) / 8)
    expert = np.full(12, 20.0)
    values = [task_value(v[:m], expert) for m in range(5)]
    assert values[0] == 20.0
    assert values == sorted(values, reverse=True)
    assert (gain(v[3:], v[:3], expert) >= 0).all()
    assert 0 <= essentialness(v, [True, False, False, True], expert) < 1
    assert 0 <= technique_value(v[3:], v[:3], expert) < 1


def test_a_refinement_pays_where_accuracy_grows_more_than_cost():
    assert technique_value([[3.0 / 0.6]], [[1.0 / 0.3]]) == 0.0
    assert technique_value([[1.5 / 0.6]], [[1.0 / 0.3]]) == pytest.approx(0.25)


def test_a_technique_that_alone_solves_a_question_is_worth_everything():
    assert technique_value([[1.0, 2.0]], [[1.0, inf]]) == 1.0
    assert technique_value([[1.0, inf]], [[1.0, inf]]) == 0.0


def test_a_planted_trend_is_recovered():
    months = np.arange(0, 14, 1.5)
    found = fit_trend(months + 100, 10 * np.exp(-0.2667 * months) + 0.1)
    assert found.halving == pytest.approx(2.6, abs=0.01)
    assert (found.a, found.c) == (pytest.approx(10, abs=0.05), pytest.approx(0.1, abs=0.05))
    assert found.r2 == pytest.approx(1.0)
    assert found.predict(100.0) == pytest.approx(10.1, abs=0.05)
    assert not found.extrapolates(110.0)
    assert found.extrapolates(120.0)


def test_the_interval_of_the_halving_time_holds_the_truth_and_widens_with_noise():
    rng = np.random.default_rng(4)
    months = np.linspace(0, 12, 10)
    truth = 10 * np.exp(-0.2667 * months) + 0.5
    widths = []
    for spread in (0.05, 0.4):
        interval = fit_trend(months, truth + rng.normal(0, spread, 10)).halving_interval
        assert interval.low < 2.6 < interval.high
        widths.append(interval.high - interval.low)
    assert widths[0] < widths[1]


def test_the_frontier_over_time_never_rises_and_starts_at_the_expert():
    v = np.array([[inf, 9.0], [3.0, 8.0], [4.0, 1.0]])
    dates, values = value_over_time(v, [2.0, 1.0, 3.0], [20.0, 20.0])
    assert dates.tolist() == [1.0, 2.0, 3.0]
    assert values.tolist() == [5.5, 5.5, 2.0]


@pytest.mark.parametrize(
    ("times", "values", "says"),
    [
        ([0, 1, 2], [3, 2, 1], "fewer than 4"),
        ([0, 0, 1, 2], [3, 3, 2, 1], "fewer than 4"),
        ([0, 1, 2, 3], [2, 2, 2, 2], "do not fall"),
        ([0, 1, 2, 3], [1, 2, 3, 4], "do not fall"),
        ([0, 1, 2, 3], [9, 1, 1, 1], "between two dates"),
        ([0, 1, 2, 3], [inf, 2, 1, 1], "finite value"),
        ([0, 1, 2, 3], [np.nan, 2, 1, 1], "finite value"),
    ],
)
def test_a_trend_that_the_data_do_not_show_is_refused(times, values, says):
    with pytest.raises(UsageError, match=says):
        fit_trend(times, values)


@pytest.mark.parametrize(
    ("n", "first", "total"),
    [
        (1319, (350, 608, 20, 389, 502, 40, 44, 294), 64780),
        (500, (360, 34, 378, 387, 106, 30, 32, 170), 28306),
        (198, (0, 10, 190, 16, 12, 150, 178, 15), 12614),
        (30, (4, 16, 26, 29, 2, 6, 14, 18), 435),
    ],
)
def test_the_published_choice_of_questions(n, first, total):
    chosen = chosen_questions(n)
    assert chosen[:8] == first
    assert sum(chosen) == total
    assert len(set(chosen)) == min(n, 128)


CHEAP, DEAR = Offered(0.01, 0.6, 0.4, seconds=1.0), Offered(0.05, 0.8, 0.2, seconds=4.0)


def test_at_each_break_even_both_plans_are_worth_the_same():
    stakes = Stakes(0.3, wrong_usd=0.2, usd_per_s=0.01)
    found = break_even(CHEAP, DEAR, stakes)
    assert found.value_usd is not None
    assert found.wrong_usd is not None
    assert found.usd_per_s is not None
    for at in (
        Stakes(found.value_usd, 0.2, 0.01),
        Stakes(0.3, found.wrong_usd, 0.01),
        Stakes(0.3, 0.2, found.usd_per_s),
    ):
        assert net_value(CHEAP, at) == pytest.approx(net_value(DEAR, at))


def test_there_is_no_break_even_where_a_stake_changes_nothing_or_must_be_negative():
    found = break_even(Offered(0.01, 0.5), Offered(0.02, 0.5, seconds=2.0), Stakes(1.0))
    assert (found.value_usd, found.wrong_usd, found.usd_per_s) == (None, None, None)


def test_ranges_of_worth_hold_for_the_costs_of_wrong_answers_and_of_waiting():
    offers = [CHEAP, DEAR, Offered(0.002, 0.3, 0.0)]
    for stakes in (Stakes(0.0), Stakes(0.0, 0.5), Stakes(0.0, 0.1, 0.05)):
        ranges = worth_ranges([full_cost(o, stakes) for o in offers], [o.p_right for o in offers])
        for worth in np.linspace(0.001, 3, 60):
            at = Stakes(float(worth), stakes.wrong_usd, stakes.usd_per_s)
            best = max([0.0, *(net_value(o, at) for o in offers)])
            bought = best_buy(ranges, float(worth))
            assert (0.0 if bought is None else net_value(offers[bought], at)) == pytest.approx(best)


def test_bad_stakes_are_refused():
    with pytest.raises(UsageError, match="value_usd"):
        Stakes(float("nan"))
    with pytest.raises(UsageError, match="wrong_usd"):
        Stakes(1.0, -1.0)
    with pytest.raises(UsageError, match="sum to more than 1"):
        Offered(0.1, 0.7, 0.7)
    with pytest.raises(UsageError, match="finite and not negative"):
        Offered(inf, 0.7)
