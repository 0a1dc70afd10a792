"""Escalating steps: the oracle against brute force, the waste formula, and the published simulation's figures."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest

from outlay.economics.escalation import escalations, oracle, rank_correlation
from outlay.errors import CannotSay, UsageError

RNG = np.random.default_rng(5)
SMALL = [(RNG.normal(size=n), RNG.normal(size=n)) for n in (1, 2, 5, 8, 12)]


@pytest.mark.parametrize(("draft", "target"), SMALL)
def test_the_oracle_is_the_best_of_all_subsets(draft, target):
    for most in range(len(draft) + 1):
        best = max(
            sum(target[i] - draft[i] for i in chosen)
            for k in range(most + 1)
            for chosen in combinations(range(len(draft)), k)
        )
        assert (target - draft)[oracle(draft, target, most)].sum() == pytest.approx(best)


@pytest.mark.parametrize(("draft", "target"), SMALL)
def test_the_oracle_wastes_nothing_and_no_policy_gains_more_at_as_many_escalations(draft, target):
    for most in range(len(draft) + 1):
        best = escalations(draft, target, oracle(draft, target, most))
        worst_first = np.zeros(len(draft))
        worst_first[np.argsort(draft)[:most]] = 1
        assert best.wasted == 0
        assert escalations(draft, target, worst_first).gain <= best.gain + 1e-12


def test_a_threshold_below_all_estimates_escalates_all_and_above_none():
    draft, target = SMALL[-1]
    estimate = RNG.normal(size=12)
    everything = escalations(draft, target, estimate > estimate.min() - 1)
    nothing = escalations(draft, target, estimate > estimate.max())
    assert (everything.escalated, nothing.escalated, nothing.gain) == (1, 0, 0)
    assert everything.gain == pytest.approx((target - draft).mean())


def test_the_waste_is_the_reject_rate_times_the_chance_of_no_gain():
    draft, target = RNG.normal(size=2000), RNG.normal(size=2000)
    for tau in (-1.0, 0.0, 1.0):
        rejected = draft < tau
        improves = (target > draft)[rejected].mean()
        assert escalations(draft, target, rejected).wasted == pytest.approx(rejected.mean() * (1 - improves))


@pytest.fixture(scope="module")
def world():
    """Scores of correlation 0.6, the large model's 0.3 standard deviations higher."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=400_000), rng.normal(size=(2, 400_000))
    draft = sqrt(0.6) * shared + sqrt(0.4) * own[0]
    return draft, sqrt(0.6) * shared + sqrt(0.4) * own[1] + 0.3


def share_of(score, share):
    return score > np.quantile(score, 1 - share)


@pytest.mark.parametrize(("share", "rsd", "best"), [(0.3, 0.231, 0.402), (0.7, 0.352, 0.528)])
def test_the_simulation_s_gains_by_absolute_score_and_by_the_oracle(world, share, rsd, best):
    draft, target = world
    by_score = escalations(draft, target, share_of(-draft, share))
    by_oracle = escalations(draft, target, oracle(draft, target, int(share * len(draft))))
    assert by_score.gain == pytest.approx(rsd, abs=0.004)
    assert by_oracle.gain == pytest.approx(best, abs=0.01)


def test_the_simulation_s_waste_and_a_router_of_rank_correlation_0_30(world):
    draft, target = world
    gain = target - draft
    rng = np.random.default_rng(1)
    noise = rng.normal(size=len(gain)) * gain.std()
    # For normal variables Spearman's 0.30 is Pearson's 2 sin(pi 0.30 / 6) = 0.313.
    rho = 2 * np.sin(np.pi * 0.30 / 6)
    estimate = rho * (gain - gain.mean()) + sqrt(1 - rho**2) * noise
    routed = escalations(draft, target, share_of(estimate, 0.3))
    assert rank_correlation(estimate, draft, target) == pytest.approx(0.30, abs=0.005)
    assert routed.gain == pytest.approx(0.190, abs=0.01)
    assert routed.wasted == pytest.approx(0.070, abs=0.005)
    assert escalations(draft, target, share_of(-draft, 0.3)).wasted == pytest.approx(0.053, abs=0.003)


def test_the_draft_s_own_score_ranks_advantages_as_the_closed_form_says(world):
    draft, target = world
    pearson = np.corrcoef(-draft, target - draft)[0, 1]
    assert pearson == pytest.approx(sqrt((1 - 0.6) / 2), abs=0.005)
    assert rank_correlation(target - draft, draft, target) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("draft", "target", "escalate"),
    [
        ([], [], []),
        ([1.0], [1.0, 2.0], [1]),
        ([float("nan")], [1.0], [1]),
        ([0.1], [0.2], [0.5]),
        ([0.1], [0.2], []),
    ],
)
def test_what_is_no_table_of_steps_is_refused(draft, target, escalate):
    with pytest.raises(UsageError):
        escalations(draft, target, escalate)


def test_what_the_data_do_not_say_is_not_said():
    with pytest.raises(CannotSay):
        rank_correlation([1.0, 1.0], [0.1, 0.2], [0.3, 0.5])
    with pytest.raises(CannotSay):
        rank_correlation([1.0], [0.1], [0.3])
    with pytest.raises(UsageError):
        oracle([0.1], [0.2], -1)
