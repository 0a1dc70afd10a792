"""Published figures of repeated sampling and best-of-majority, and the edges of the coverage laws."""

import importlib.util
import math
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.laws import coverage, coverage_beta
from outlay.stats.beta_binomial import BetaBinomial

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("bench_coverage_judges", ROOT / "bench" / "coverage_judges.py")
bench = importlib.util.module_from_spec(SPEC)
sys.modules["bench_coverage_judges"] = bench
SPEC.loader.exec_module(bench)


def test_the_money_table():
    assert {model: round(usd, 2) for model, usd, _ in bench.money()} == {
        "DeepSeek": 10.8,
        "GPT-4o": 39.0,
        "Claude 3.5 Sonnet": 51.0,
    }
    per_solved = [usd for _, _, usd in bench.money()]
    assert per_solved[0] < per_solved[1] / 4 < per_solved[2] / 4


@pytest.mark.parametrize(
    ("n", "published"),
    [
        (10, {"BoM k=1": 0.35, "BoN k=1": 0.69}),
        (30, {"BoM k=1": 0.88, "BoM k=3": 0.89, "BoN k=1": 0.77, "BoN k=3": 0.98, "vote k=1": 0.07}),
        (100, {"BoM k=1": 1.0, "BoN k=1": 0.44, "BoN k=3": 0.94, "vote k=1": 0.0, "vote k=3": 1.0}),
        (300, {"BoM k=1": 1.0, "BoN k=1": 0.09, "BoN k=3": 0.55, "vote k=1": 0.0, "vote k=3": 1.0}),
    ],
)
def test_the_toy_table_of_best_of_majority(n, published):
    trials = 150
    found = bench.toy(n, trials, seed=n)
    for rule, value in published.items():
        # Four errors of both simulations, the published one of 2,000 trials.
        error = math.sqrt(max(value * (1 - value), 0.01) * (1 / trials + 1 / 2000))
        assert found[rule] == pytest.approx(value, abs=4 * error), rule


def test_the_round_trip_of_the_power_law():
    k = np.array([1, 16, 1024, 10_000])
    a, b = coverage.power_law(k, np.exp(-1.8 * k**-0.35))
    assert (a, b) == (pytest.approx(-1.8, abs=1e-6), pytest.approx(-0.35, abs=1e-6))


def test_the_power_law_of_a_beta_world_is_two_points_off_at_eight_times_the_data():
    law = BetaBinomial(0.3, 2, (0, 0, 0, 0), 1, 1)
    k = np.unique(np.geomspace(1, 64, 40).round())
    a, b = coverage.power_law(k, [law.pass_at_k(x) for x in k])
    assert (a, b) == (pytest.approx(-2.04, abs=0.02), pytest.approx(-0.39, abs=0.01))
    assert np.exp(a * 512**b) == pytest.approx(0.839, abs=0.002)
    assert law.pass_at_k(512) == pytest.approx(0.821, abs=0.001)


def world(questions, samples, seed=1):
    rng = np.random.default_rng(seed)
    return rng.binomial(samples, rng.beta(0.3, 2, questions)), samples


def test_few_mixed_questions_forbid_the_power_law_s_prolonging_and_warn_the_beta_law():
    right, samples = world(25, 16)
    power, beta = coverage.fit(right, samples, seed=1), coverage_beta.fit(right, samples, seed=1)
    assert power.mixed < 20
    assert power.predict(16).warning == ""
    with pytest.raises(CannotSay, match="at least 20"):
        power.predict(17)
    with pytest.raises(CannotSay, match="at least 20"):
        power.invert(0.99)
    assert "20 are needed" in beta.predict(64).warning
    assert beta.predict(16).warning == ""


def test_a_wrong_form_is_named_where_it_is_prolonged():
    right = np.random.default_rng(2).binomial(16, 0.2, size=300)
    fit = coverage.fit(right, 16, seed=1)
    assert "does not fit" in fit.predict(64).warning
    assert fit.predict(16).warning == ""
    equal = coverage_beta.fit(right, 16, seed=1)
    assert not equal.form.wrong
    assert equal.predict(64).value == pytest.approx(1 - 0.8**64, abs=1e-3)


def test_intervals_widen_as_the_curve_is_prolonged_and_as_the_level_rises():
    right, samples = world(400, 16)
    for law in (coverage, coverage_beta):
        fit = law.fit(right, samples, seed=1)
        near, far = (fit.predict(k).interval for k in (16, 160))
        assert far.high - far.low > near.high - near.low
        sure = law.fit(right, samples, seed=1, level=0.99).predict(16).interval
        assert sure.low < near.low < near.high < sure.high
        reached = fit.invert(0.6)
        assert reached.interval.low < reached.value < reached.interval.high


def test_a_sibling_s_curve_starts_at_its_own_success_rate():
    fit = coverage.fit(*world(400, 64), seed=1)
    assert fit.sibling(1, 0.05).value == pytest.approx(0.05)
    assert fit.sibling(16, 0.3).value > fit.sibling(16, 0.05).value
    assert fit.sibling(1, 0.05).warning
    for wrong in ((0, 0.1), (1, 0.0), (1, 1.0), (1, math.nan)):
        with pytest.raises(UsageError):
            fit.sibling(*wrong)


@pytest.mark.parametrize("law", [coverage, coverage_beta])
def test_what_is_no_coverage_or_number_of_samples_is_refused(law):
    fit = law.fit(*world(100, 16), seed=1)
    for wrong in (0, -1, math.nan):
        with pytest.raises(UsageError):
            fit.predict(wrong)
    for wrong in (0.0, 1.0, 1.2, math.nan):
        with pytest.raises(UsageError):
            fit.invert(wrong)
    with pytest.raises(UsageError, match="level"):
        law.fit(*world(100, 16), seed=1, level=1.0)


def test_a_coverage_that_no_sensible_number_of_samples_reaches_is_not_given_one():
    right, samples = world(100, 16)
    with pytest.raises(CannotSay, match="beyond 1e15"):
        coverage_beta.fit(right, samples, seed=1).invert(1 - 1e-12)
    power = coverage.fit(right, samples, seed=1)
    assert "a guess" in power.invert(1 - 1e-12).warning
    with pytest.raises(CannotSay, match="too flat"):
        msgspec.structs.replace(power, b=-1e-3).invert(0.99)


def test_a_curve_that_cannot_be_tested_says_so():
    fit = coverage_beta.fit(*world(60, 2), seed=1)
    assert not fit.form.wrong
    assert "cannot be tested" in fit.form.words


def test_questions_with_different_numbers_of_samples_share_one_curve():
    rng = np.random.default_rng(3)
    samples = rng.integers(16, 33, size=500)
    right = rng.binomial(samples, rng.beta(0.3, 2, size=500))
    truth = BetaBinomial(0.3, 2, (0, 0, 0, 0), 1, 1)
    assert coverage.fit(right, samples, seed=1).samples == 16
    assert coverage_beta.fit(right, samples, seed=1).samples == 32
    for law in (coverage, coverage_beta):
        assert law.fit(right, samples, seed=1).predict(16).value == pytest.approx(truth.pass_at_k(16), abs=0.05)


@pytest.mark.parametrize(
    "curve", [([1, 2], [0.5]), ([0, 2], [0.1, 0.2]), ([1, 2], [0.5, 1.0]), ([1, math.nan], [0.1, 0.2])]
)
def test_a_published_curve_out_of_range_is_refused(curve):
    with pytest.raises(UsageError):
        coverage.power_law(*curve)
    with pytest.raises(CannotSay, match="two different"):
        coverage.power_law([4, 4], [0.5, 0.5])
