"""Intervals hold a planted truth in named regimes: `bench/intervals.py`, with fewer replications.

300 replications hold 95 % +- 1.26 (one error), so an interval that truly covers 93 to 97 % lies within 89 to 99.5 %.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from outlay.laws import coverage_beta, saturation
from outlay.stats.equivalence import equivalence

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("bench_intervals", ROOT / "bench" / "intervals.py")
bench = importlib.util.module_from_spec(SPEC)
sys.modules["bench_intervals"] = bench
SPEC.loader.exec_module(bench)

AIMED = [regime for regime in bench.REGIMES if regime.aimed]


@pytest.mark.parametrize("regime", AIMED, ids=lambda r: f"{r.quantity}: {r.name}")
def test_the_interval_that_is_taken_holds_the_truth(regime):
    share = bench.held(regime, 300)[regime.aimed]
    assert 0.89 <= share <= 0.995, share


def test_samples_of_one_question_are_not_independent():
    regime = next(r for r in AIMED if r.name == "50 questions x 8, Beta(1.0, 1.0)")
    assert bench.held(regime, 200)["wilson, wrongly"] < 0.85


def test_the_prolonged_power_law_holds_the_truth_roughly_although_it_is_not_exact():
    regime = next(r for r in bench.REGIMES if r.slow)
    assert 0.85 <= bench.held(regime, 40)["power law"] <= 1.0


def test_a_fitted_ceiling_and_rate_hold_the_truth():
    rng = np.random.default_rng(bench.seed_of("saturation: 150 questions x 16, 0.8 of 0.25"))
    held = np.zeros(2)
    for i in range(60):
        found = saturation.fit(
            rng.binomial(16, np.where(rng.random(150) < 0.8, 0.25, 0.0)), 16, seed=i, draws=150
        )
        held += [
            i.low <= true <= i.high for i, true in ((found.ceiling_interval, 0.8), (found.rate_interval, 0.25))
        ]
    assert (held / 60 >= 0.86).all(), held / 60


def test_a_true_form_is_seldom_called_wrong():
    rng = np.random.default_rng(bench.seed_of("form: Beta(0.3, 2)"))
    wrong = [
        coverage_beta.fit(rng.binomial(16, rng.beta(0.3, 2, 100)), 16, seed=i).form.wrong for i in range(60)
    ]
    assert np.mean(wrong) <= 0.1


def test_two_one_sided_tests_hold_their_level_at_the_margin():
    rng = np.random.default_rng(bench.seed_of("equivalence at the margin"))
    shown = 0
    for _ in range(2000):
        moved = rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.8, 0.15], size=300)
        shown += equivalence(np.zeros(300), moved, margin=0.1).shown
    assert 0.03 <= shown / 2000 <= 0.07
