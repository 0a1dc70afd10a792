"""The bootstrap-t interval against a loop over draws, and where it must fall back."""

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import f

from outlay.economics.amortisation import measured_break_even
from outlay.economics.trend import fit_trend
from outlay.errors import CannotSay, UsageError
from outlay.report.cells import cells
from outlay.report.outcome import Outcome
from outlay.stats.bootstrap import bootstrap_of_means
from outlay.stats.interval import Interval
from outlay.stats.studentized import studentized, studentized_interval


def test_it_agrees_with_a_loop_over_draws():
    rng = np.random.default_rng(1)
    x = rng.lognormal(size=40)
    off = []
    for _ in range(20_000):
        y = rng.choice(x, 40)
        off.append((y.mean() - x.mean()) / y.std())
    low, high = np.quantile(off, [0.025, 0.975])
    found = studentized(x, draws=20_000, seed=2)
    assert found.low == pytest.approx(x.mean() - high * x.std(), rel=0.02)
    assert found.high == pytest.approx(x.mean() - low * x.std(), rel=0.02)


def test_it_holds_the_mean_of_skewed_costs_oftener_than_percentiles():
    rng, truth = np.random.default_rng(3), np.exp(0.5)
    held = np.zeros(2)
    for seed in range(300):
        x = rng.lognormal(size=30)
        plain = bootstrap_of_means(lambda m: m[:, 0], x, draws=500, seed=seed)
        held += [i.low <= truth <= i.high for i in (plain, studentized(x, draws=500, seed=seed))]
    assert held[0] < 272 < held[1]


def test_it_moves_and_stretches_with_the_numbers():
    x = np.random.default_rng(4).exponential(size=25)
    one, other = studentized(x, seed=5), studentized(7 - 3 * x, seed=5)
    assert (other.high, other.low) == pytest.approx((7 - 3 * one.low, 7 - 3 * one.high), rel=1e-9)


def test_draws_without_a_spread_leave_the_end_to_the_percentiles():
    x = np.array([1.0] * 39 + [5.0])
    found, plain = studentized(x, seed=1), bootstrap_of_means(lambda m: m[:, 0], x, draws=2000, seed=1)
    assert found.high == pytest.approx(plain.high)
    assert np.isfinite([found.low, found.high]).all()
    assert studentized([2.0] * 9, seed=1) == Interval(2.0, 2.0)
    assert studentized([0.1] * 9, seed=1).low == pytest.approx(0.1)


def test_an_end_never_lies_inside_of_the_mean():
    assert studentized_interval(0.0, 1.0, [-1.0, -1.0, -1.0], [2.0, 2.0, 2.0]).low == 0.0


@pytest.mark.parametrize("wrong", [[1.0, float("nan")], [[1.0, 2.0]], [1.0, float("inf")]])
def test_what_is_not_a_number_of_each_question_is_refused(wrong):
    with pytest.raises(UsageError, match="finite number"):
        studentized(wrong, seed=1)


def test_one_question_or_no_level_is_refused():
    with pytest.raises(CannotSay, match="one question"):
        studentized([1.0], seed=1)
    with pytest.raises(UsageError, match="level"):
        studentized([1.0, 2.0], level=1.0, seed=1)


def test_costs_have_no_interval_below_zero():
    outcomes = [Outcome("t", "m", "s", str(i), True, 1.0, cost_nusd=n) for i, n in enumerate([1, 1, 2, 900])]
    (cell,) = cells(outcomes, seed=1)
    assert cell.cost_interval is not None
    assert cell.cost_interval[0] >= 0


def test_a_break_even_has_no_end_where_the_saving_may_be_none():
    found = measured_break_even(1.0, [2.0, 3.0, 1.0, 4.0] * 3, [1.0, 4.0, 2.0, 1.0] * 3, seed=1)
    assert 0 < found.interval.low < found.break_even.uses
    assert found.interval.high == float("inf")
    never = measured_break_even(1.0, [1.0, 2.0] * 9, [2.0, 4.0] * 9, seed=1)
    assert (never.interval.low, never.interval.high) == (float("inf"), float("inf"))


def test_the_ends_of_a_halving_time_are_where_the_fit_is_as_bad_as_chance_allows():
    months = np.arange(24.0)
    value = 10 * np.exp(-np.log(2) / 6 * months) + 1 + 0.3 * np.random.default_rng(6).normal(size=24)
    found = fit_trend(months, value)

    def loss(halving: float) -> float:
        columns = np.column_stack([2 ** (-months / halving), np.ones(24)])
        return float(nnls(columns, value)[1] ** 2)

    allowed = loss(found.halving) * (1 + f.ppf(0.95, 1, 21) / 21)
    assert loss(found.halving_interval.low) == pytest.approx(allowed, rel=1e-4)
    assert loss(found.halving_interval.high) == pytest.approx(allowed, rel=1e-4)
