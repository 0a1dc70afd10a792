"""Where one more try stops paying: closed forms, brute force, and both ways of trying."""

import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.laws.saturation import best_tries, fit, fit_rounds, saturation_point


def gain(ceiling, rate, n):
    return ceiling * rate * (1 - rate) ** n


@pytest.mark.parametrize(
    ("rate", "ceiling", "least", "point", "at", "before"),
    [
        (0.3, 0.9, 0.01, 10, 0.007627, 0.010895),
        (0.1, 0.8, 0.01, 20, 0.009726, 0.010807),
        (0.05, 0.6, 0.005, 35, 0.004983, 0.005245),
        (0.5, 1.0, 0.01, 6, 0.0078125, 0.015625),
    ],
)
def test_closed_forms(rate, ceiling, least, point, at, before):
    assert saturation_point(ceiling, rate, least) == point
    assert gain(ceiling, rate, point) == pytest.approx(at, abs=1e-6)
    assert gain(ceiling, rate, point - 1) == pytest.approx(before, abs=1e-6)


def test_the_point_is_not_monotone_in_the_rate():
    rates = (0.005, 0.012, 0.02, 0.05, 0.1, 0.3, 0.8, 0.99)
    assert [saturation_point(0.9, rate, 0.01) for rate in rates] == [0, 7, 30, 30, 21, 10, 3, 1]
    assert (saturation_point(0.9, 1.0, 0.01), saturation_point(0.9, 0.0, 0.01)) == (1, 0)


def test_the_point_falls_with_the_gain_and_rises_with_the_ceiling():
    assert (np.diff([saturation_point(0.9, 0.2, g) for g in np.geomspace(1e-4, 0.2, 30)]) <= 0).all()
    assert (np.diff([saturation_point(c, 0.2, 0.01) for c in np.linspace(0, 1, 30)]) >= 0).all()


def test_the_best_tries_are_those_of_brute_force():
    rng = np.random.default_rng(1)
    n = np.arange(0, 3000)
    for _ in range(300):
        ceiling, rate, price = rng.uniform(0.05, 1), rng.uniform(0.01, 0.99), 10 ** rng.uniform(-4, -1)
        more = price * rng.choice([0.0, 0.1, 1.0])
        spent = price * n + more * n * (n - 1) / 2
        net = ceiling * (1 - (1 - rate) ** n) - spent
        assert (
            best_tries(ceiling, rate, value_usd=1.0, usd_per_try=price, usd_more_per_try=more) == net.argmax()
        )


def test_an_answer_of_no_worth_is_not_tried():
    assert best_tries(0.9, 0.5, value_usd=0.0, usd_per_try=0.01) == 0


@pytest.mark.parametrize(
    "wrong", [(1.1, 0.2, 0.1), (0.9, -0.1, 0.1), (0.9, 0.2, 0.0), (0.9, float("nan"), 0.1)]
)
def test_points_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        saturation_point(*wrong)
    for prices in ({"value_usd": -1, "usd_per_try": 1}, {"value_usd": 1, "usd_per_try": 0}):
        with pytest.raises(UsageError):
            best_tries(0.9, 0.2, **prices)


def test_parallel_and_absorbing_sequential_tries_follow_the_same_curve():
    rng = np.random.default_rng(3)
    parallel = fit(rng.binomial(16, 0.2, size=2000), 16, seed=1)
    hit = rng.random((2000, 17)) < 0.2
    hit[:, 0] = False
    sequential = fit_rounds(np.maximum.accumulate(hit, axis=1), seed=1)
    for n in (1, 4, 16):
        assert parallel.predict(n).value == pytest.approx(sequential.predict(n).value, abs=0.03)
    assert sequential.rate == pytest.approx(0.2, abs=0.02)


def test_no_number_of_tries_passes_the_ceiling():
    rng = np.random.default_rng(5)
    found = fit(rng.binomial(32, np.where(rng.random(200) < 0.7, 0.3, 0.0)), 32, seed=1)
    assert found.ceiling_interval.low < 0.7 < found.ceiling_interval.high
    assert found.rate_interval.low < 0.3 < found.rate_interval.high
    with pytest.raises(CannotSay, match="ceiling"):
        found.invert(0.95)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError):
            found.predict(wrong)
        with pytest.raises(UsageError):
            found.invert(wrong)
    with pytest.raises(UsageError, match="level"):
        fit([1, 2, 3], 8, seed=1, level=1.0)
