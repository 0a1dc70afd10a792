"""Break-even of an offline investment: the papers' arithmetic, reuse that ends, and the predictability gate."""

import numpy as np
import pytest

from outlay.economics.amortisation import BreakEven, Investment, measured_break_even
from outlay.economics.predictability import predictability_gate
from outlay.errors import CannotSay, UsageError

INF = float("inf")
DEMONSTRATIONS = Investment(offline=500 * 0.059, baseline=0.059, per_use=0.024)


def test_sleep_time_break_even():
    notes = Investment(offline=1000, baseline=10 * 250, per_use=10 * 50)
    assert [notes.cost_per_use(n) for n in (1, 2, 10)] == [1500, 1000, 600]
    assert notes.break_even() == BreakEven(0.5, 1)
    assert Investment(offline=1000, baseline=10 * 100, per_use=10 * 50).break_even() == BreakEven(2.0, 2)


def test_in_context_distillation_break_even():
    assert DEMONSTRATIONS.break_even().first == 843
    assert DEMONSTRATIONS.saving(842) < 0 < DEMONSTRATIONS.saving(843)
    assert round(DEMONSTRATIONS.saving(1_000_000), 2) == 34_970.5


def test_the_mean_cost_falls_towards_the_cost_of_a_use():
    costs = [DEMONSTRATIONS.cost_per_use(n) for n in (1, 10, 100, 1000, 10**9)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(DEMONSTRATIONS.per_use, rel=1e-5)


def test_reading_the_notes_is_paid_at_every_use():
    t, s, b, large, notes, p_in = 10, 1000, 50, 250, 400, 0.5
    priced = Investment(offline=s, baseline=t * large, per_use=t * b + p_in * notes)
    assert priced.break_even().uses == pytest.approx(s / (t * (large - b) - p_in * notes))
    assert Investment(s, t * large, t * b + 6 * notes).break_even() == BreakEven(INF, None)


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_reuse_that_ends_moves_the_break_even_and_the_saving_changes_sign_there(keep):
    investment = Investment(offline=1.9, baseline=3.0, per_use=2.0, keep=keep)
    first = investment.break_even().first
    assert first is not None
    assert first >= 2
    assert investment.saving(first - 1) < 0 <= investment.saving(first)
    uses = investment.break_even().uses
    assert (1 - keep**uses) / (1 - keep) == pytest.approx(1.9)


def test_an_investment_that_is_lost_too_soon_never_pays():
    assert Investment(offline=2.0, baseline=3.0, per_use=2.0, keep=0.5).break_even() == BreakEven(INF, None)
    assert Investment(offline=2.0, baseline=3.0, per_use=2.0, keep=0.6).break_even().first is not None
    assert Investment(offline=1.0, baseline=3.0, per_use=2.0, keep=0.0).break_even() == BreakEven(1.0, 1)
    assert Investment(offline=1.1, baseline=3.0, per_use=2.0, keep=0.0).break_even().first is None


def test_nothing_paid_breaks_even_at_once_if_a_use_saves_anything():
    assert Investment(0.0, 2.0, 1.0).break_even() == BreakEven(0.0, 0)
    assert Investment(0.0, 1.0, 1.0).break_even() == BreakEven(INF, None)


def test_a_division_that_comes_out_even_is_not_rounded_up():
    assert Investment(offline=0.3, baseline=0.2, per_use=0.1).break_even().first == 3
    assert Investment(offline=0.7, baseline=0.1, per_use=0.0).break_even().first == 7


@pytest.mark.parametrize(
    "broken", [(-1.0, 1.0, 1.0), (1.0, INF, 1.0), (1.0, 1.0, float("nan")), (1.0, 1.0, 1.0, 1.5)]
)
def test_an_investment_out_of_range_is_refused(broken):
    with pytest.raises(UsageError):
        Investment(*broken)
    with pytest.raises(UsageError):
        DEMONSTRATIONS.cost_per_use(0)
    with pytest.raises(UsageError):
        DEMONSTRATIONS.saving(-1)


def test_a_measured_break_even_holds_the_truth_and_says_when_it_may_never_come():
    rng = np.random.default_rng(2)
    before = rng.gamma(4, 1.0, 200)
    after = before * rng.uniform(0.3, 0.7, 200)
    measured = measured_break_even(60.0, before, after, seed=1)
    assert measured.interval.low < 30 < measured.interval.high < 40
    assert measured.interval.low < measured.break_even.uses < measured.interval.high
    even = measured_break_even(60.0, before, before + rng.normal(0, 0.5, 200).clip(-0.9 * before), seed=1)
    assert even.interval.high == INF
    never = measured_break_even(60.0, before, before + 1, seed=1)
    assert (never.break_even.first, never.interval.low) == (None, INF)


def test_costs_that_cannot_give_a_break_even_are_refused():
    with pytest.raises(UsageError):
        measured_break_even(1.0, [1.0, 2.0], [1.0], seed=1)
    with pytest.raises(CannotSay):
        measured_break_even(1.0, [1.0], [0.5], seed=1)
    with pytest.raises(UsageError):
        measured_break_even(1.0, [1.0, float("nan")], [0.5, 0.5], seed=1)


def planted(n=400, seed=4):
    """Offline work pays where the question is foreseen: on average for scores above -1."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(-3, 1, n)
    return score, (score + 1) + rng.normal(0, 1, n)


def test_the_gate_opens_where_the_work_pays():
    score, net = planted()
    gate = predictability_gate(score, net, seed=1)
    assert -1.6 < gate.from_score < -0.4
    assert gate.net > net.mean()
    assert gate.interval.low > 0
    assert [found.net for found in gate.bins] == sorted(found.net for found in gate.bins)
    assert sum(found.contexts for found in gate.bins) == 400
    assert gate.opens(0.0)
    assert not gate.opens(-2.5)
    assert not gate.opens(float("nan"))


def test_a_gate_is_always_open_or_never_where_the_data_say_so():
    score, _ = planted()
    assert predictability_gate(score, np.ones(400), seed=1).from_score == -INF
    never = predictability_gate(score, -np.ones(400), seed=1)
    assert (never.from_score, never.net) == (INF, 0.0)
    assert len(predictability_gate([1.0] * 20, [1.0] * 20, seed=1).bins) == 1


def test_contexts_that_cannot_set_a_gate_are_refused():
    with pytest.raises(CannotSay):
        predictability_gate(range(9), range(9), seed=1)
    with pytest.raises(UsageError):
        predictability_gate(range(10), range(9), seed=1)
    with pytest.raises(UsageError):
        predictability_gate([float("nan")] * 10, range(10), seed=1)
