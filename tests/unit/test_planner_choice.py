"""What the planner chooses, and what it says about the choice."""

from __future__ import annotations

import numpy as np
import pytest
from pilots import DEAR, pilot

from outlay.economics import sub_pools
from outlay.errors import BudgetExceeded, UsageError
from outlay.models.recording_file import read
from outlay.policies._advice import advise
from outlay.policies._agreement import agreement
from outlay.policies._menu import Beliefs, Entry, menu_of
from outlay.policies._pilot import of_recording
from outlay.policies._shrink import resampled, share_interval, shrunk
from outlay.policies._worth import Worth
from outlay.policies.planner import choose, planner
from outlay.types import Plan, Question

VOTES = [0.75] * 30
"""Each question is solved by three of four samples, so voting pays where answers are worth much."""


def chosen(pilots, worth, **more):
    menu, beliefs = menu_of(pilots, value_usd=worth.value_usd)
    at = choose(menu, beliefs, worth, **more)
    return None if at is None else menu[at].name


def test_worthless_answers_are_not_bought_and_dear_ones_are_voted_on():
    assert chosen([pilot(VOTES)], Worth(value_usd=1e-6)) is None
    assert chosen([pilot(VOTES)], Worth(value_usd=0.0002)) == "single"
    assert "n=8" in chosen([pilot(VOTES)], Worth(value_usd=1.0))


def test_a_dear_model_is_bought_only_where_it_is_worth_it():
    both = [pilot(0.2), pilot(0.95, seed=2, model="large", price=DEAR)]
    assert "on small" in chosen(both, Worth(value_usd=0.0006))
    assert "on large" in chosen(both, Worth(value_usd=1.0))


def test_the_cheapest_plan_that_reaches_an_accuracy():
    assert chosen([pilot(VOTES)], Worth(accuracy=0.7)) == "single"
    assert chosen([pilot(VOTES)], Worth(accuracy=0.85)).startswith(("self_consistency", "adaptive"))
    assert chosen([pilot(0.1)], Worth(accuracy=0.99)) is None


def test_a_budget_leaves_out_what_could_cost_more():
    one = (100 * 0.1 + 100 * 0.5) / 1e6
    assert chosen([pilot(VOTES)], Worth(value_usd=1.0), budget_usd=one * 1.01) == "single"
    assert chosen([pilot(VOTES)], Worth(value_usd=1.0), budget_usd=one / 2) is None


def test_wrong_answers_that_cost_make_abstaining_worth_it():
    p = pilot(0.1, verifier=(1.0, 0.0))
    assert "first_accepted" in chosen([p], Worth(value_usd=0.01, wrong_usd=0.02))


def test_waiting_that_costs_makes_fewer_samples_worth_it():
    p = pilot(VOTES, latency_s=10.0)
    assert chosen([p], Worth(value_usd=0.05, usd_per_s=0.001)) == "single"
    with pytest.raises(UsageError, match="how long it takes"):
        chosen([pilot(VOTES)], Worth(value_usd=0.05, usd_per_s=0.01))


@pytest.mark.parametrize(
    "worth, said",
    [
        (Worth(), "--value-usd"),
        (Worth(value_usd=-1.0), "from 0 up"),
        (Worth(value_usd=float("nan")), "from 0 up"),
        (Worth(accuracy=1.5), "no share"),
    ],
)
def test_a_worth_that_says_nothing_usable_is_refused(worth, said):
    with pytest.raises(UsageError, match=said):
        chosen([pilot(0.5)], worth)


def test_an_unknown_price_is_refused():
    with pytest.raises(UsageError, match="its price is not known"):
        chosen([pilot(0.5, price=None)], Worth(value_usd=1.0))


def test_the_policy_gives_a_plan_with_the_questions_kind():
    both = [pilot(0.5), pilot(0.9, seed=2, model="large", price=DEAR)]
    menu, beliefs = menu_of(both, value_usd=0.01)
    question = Question.of("17 * 23?", kind="number")
    plan = planner(question, menu, beliefs, None, Worth(value_usd=0.01), 0)
    assert plan.kind == "number"
    assert plan == planner(question, menu, beliefs, None, Worth(value_usd=0.01), 1)
    with pytest.raises(BudgetExceeded, match="No plan"):
        planner(question, menu, beliefs, 1e-9, Worth(value_usd=0.01), 0)


def test_a_lucky_plan_gives_up_more_of_its_lead_than_a_steady_one():
    """Both plans lead the plain one by the same mean; the noisy lead is shrunk more, so the steady plan wins."""
    rng = np.random.default_rng(5)
    plain = np.full(30, 0.5)
    noise = rng.normal(0, 0.4, 30)
    noisy = plain + 0.1 + noise - noise.mean()
    steady = plain + 0.1
    estimate = shrunk(np.column_stack([plain, noisy, steady]), ["m"] * 3)
    assert np.column_stack([plain, noisy, steady]).mean(axis=0)[1:] == pytest.approx([0.6, 0.6])
    assert estimate[2] > estimate[1] > estimate[0]


def test_shrinkage_keeps_the_mean_of_all_and_moves_nothing_without_noise():
    value = np.tile([0.2, 0.5, 0.9], (10, 1))
    assert shrunk(value, ["a", "a", "b"]) == pytest.approx([0.2, 0.5, 0.9])


def test_the_interval_of_an_accuracy_has_width_where_all_questions_agree():
    sure = share_interval(np.ones(30), 16)
    assert sure.low < 0.9
    assert sure.high == 1.0
    alike, split = share_interval(np.full(30, 0.5), 16), share_interval(np.repeat([0.0, 1.0], 15), 16)
    assert alike.high - alike.low < split.high - split.low


def test_intervals_of_a_plans_accuracy_cover_planted_truth():
    """2,000 pilots of 30 questions from Beta(2, 2) difficulties: 95 % intervals hold the mean 1/2 in 93 to 97 %."""
    rng = np.random.default_rng(20)
    p = rng.beta(2, 2, (2000, 30))
    share = rng.binomial(16, p) / 16
    held = [i.low <= 0.5 <= i.high for i in (share_interval(row, 16) for row in share)]
    assert 0.93 <= np.mean(held) <= 0.97


def test_bootstrap_weights_are_means():
    assert resampled(7, 50, 1).sum(axis=1) == pytest.approx(np.ones(50))


def advice(pilots, worth, **more):
    menu, beliefs = menu_of(pilots, value_usd=worth.value_usd)
    return advise(menu, beliefs, worth, pilots=pilots, **more)


def test_advice_holds_what_was_asked_for():
    found = advice([pilot(VOTES)], Worth(value_usd=1.0))
    assert found.best is not None
    assert "n=8" in found.best.name
    assert found.low_usd < 1.0
    assert found.high_usd is None
    assert found.best.accuracy.low < found.best.accuracy.value < found.best.accuracy.high
    assert found.best.cost_of_pass_usd.value == pytest.approx(
        found.best.cost_usd.value / found.best.accuracy.value
    )
    assert found.runner_up.plan.strategy != found.best.plan.strategy
    assert found.limit.why == "pilot"
    assert 0 <= found.doubt.p_best <= 1
    assert found.doubt.regret_usd >= 0


def test_the_range_of_worth_is_where_the_choice_stays_the_same():
    pilots = [pilot(VOTES)]
    menu, beliefs = menu_of(pilots)
    found = advise(menu, beliefs, Worth(value_usd=0.0002))
    for worth, same in (
        (found.low_usd * 1.01, True),
        (found.high_usd * 0.99, True),
        (found.high_usd * 1.01, False),
    ):
        at = choose(menu, beliefs, Worth(value_usd=worth))
        assert (menu[at].name == found.best.name) is same
    assert choose(menu, beliefs, Worth(value_usd=found.low_usd * 0.99)) != [e.name for e in menu].index(
        "single"
    )


def test_the_estimate_of_the_pick_is_below_what_the_pilot_showed():
    """Twelve equal plans: the pick looks better than a half on the pilot, the advice does not believe it."""
    rng = np.random.default_rng(4)
    right = (rng.random((30, 12)) < 0.5).astype(float)
    menu = [Entry(f"p{i}", Plan(f"p{i}"), ("m",), 1) for i in range(12)]
    flat = np.full((30, 12), 1e-6)
    found = advise(menu, Beliefs(right, np.ones((30, 12)), flat, flat, flat[0]), Worth(value_usd=1.0))
    assert right.mean(axis=0).max() > 0.56
    assert found.best.accuracy.value < 0.48
    assert found.doubt.p_best < 0.5


def test_ranges_start_with_nothing_and_have_no_gaps():
    ranges = advice([pilot(VOTES)], Worth()).ranges
    assert ranges[0].name is None
    assert [r.high_usd for r in ranges[:-1]] == [r.low_usd for r in ranges[1:]]
    assert ranges[-1].high_usd is None


def test_saturation_and_ceilings_are_told():
    saturated = advice([pilot([1.0, 0.0] * 15, verifier=(0.9, 0.2))], Worth(value_usd=0.01))
    assert saturated.best.name == "single"
    assert saturated.limit.why == "saturation"
    assert saturated.limit.vote == pytest.approx(0.5)
    assert 0.5 < saturated.limit.accepted_right < 1


def test_nothing_to_buy_is_advice_too():
    found = advice([pilot(0.0)], Worth(value_usd=1.0))
    assert found.best is None
    assert found.ranges[0].name is None


@pytest.mark.parametrize("name", ["pool-q05-sums", "pool-q15-sums"])
def test_what_agreement_says_without_labels_holds_with_them(name):
    p = of_recording(name, read(name))
    found = agreement(p)
    vote = sub_pools.vote(p.class_QS, p.correct_QS, [1, 2, 4, 8, 16]).mean(axis=0)
    assert p.correct_QS[p.class_QS >= 0].sum() / p.correct_QS.size <= found.top_share
    for change, accuracy in zip(found.changes, vote, strict=False):
        assert abs(vote[-1] - accuracy) <= change.differs + 1e-12


def test_agreement_counts_labels_by_the_worth_that_has_to_be_told_apart():
    p = pilot(0.6, labels=False)
    change = agreement(p, value_usd=0.01).changes[0]
    assert change.labels == np.ceil(1.959964**2 * change.differs / (change.usd / 0.01) ** 2)
    assert change.looks == np.ceil(change.labels * change.differs)
    assert agreement(pilot(1.0, labels=False)).changes[0].usd_per_right is None


def test_over_many_pilots_the_planner_loses_little_and_less_than_any_fixed_plan():
    """Half of the questions easy, half split: 40 pilots of 16 questions x 8 samples, worth drawn from three."""
    difficulty = [0.95, 0.45, 0.7, 0.6] * 100
    truth = menu_of([pilot(difficulty, questions=400, seed=999)])[1]
    lost, fixed = [], []
    for seed in range(39):
        worth = Worth(value_usd=(0.0001, 0.001, 0.02)[seed % 3])
        menu, beliefs = menu_of([pilot(difficulty, questions=16, seed=seed)], seed=seed)
        net = worth.value_usd * truth.right_QP.mean(axis=0) - truth.usd_QP.mean(axis=0)
        at = choose(menu, beliefs, worth)
        lost.append((net.max() - (0.0 if at is None else net[at])) / net.max())
        fixed.append((net.max() - net) / net.max())
    assert np.mean(lost) <= 0.1
    assert np.mean(lost) < np.mean(fixed, axis=0).min()
