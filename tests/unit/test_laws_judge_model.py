"""The solvable judge against the values of independent simulations, its limits, and its own simulation."""

import math

import numpy as np
import pytest

from outlay.errors import UsageError
from outlay.laws import judge_scaling as law

AT = {"mean": 0.5, "spread": 1.0}


@pytest.mark.parametrize(
    ("k", "error"),
    [
        (1, 1.25),
        (2, 0.460539),
        (4, 0.154140),
        (8, 0.047157),
        (16, 0.0134025),
        (32, 0.00361278),
        (256, 6.08429e-05),
    ],
)
def test_a_judge_that_knows_the_truth(k, error):
    assert law.best_of_k_error(k, **AT, centre=0.0) == pytest.approx(error, rel=2e-5)


def test_the_error_of_a_perfect_judge_falls_as_the_square_of_k():
    scaled = [k**2 * law.best_of_k_error(k, **AT, centre=0.0) for k in (256, 10_000, 1_000_000)]
    assert scaled[0] == pytest.approx(3.9874, abs=1e-4)
    assert scaled[2] == pytest.approx(math.pi * math.exp(0.25), rel=1e-5)
    assert law.perfect_judge_error(10**6, **AT) * 1e12 == pytest.approx(scaled[2], rel=1e-5)


def test_a_biased_judge_has_a_best_k():
    curve = [law.best_of_k_error(k, **AT, centre=-0.8) for k in (1, 2, 3, 4, 5, 6, 8, 32)]
    assert curve == pytest.approx([1.25, 0.6056, 0.4970, 0.4821, 0.4906, 0.5049, 0.5331, 0.6251], abs=1e-4)
    worse = [law.best_of_k_error(k, **AT, centre=-1.5) for k in range(1, 9)]
    assert int(np.argmin(worse)) + 1 == 3
    assert worse[2] == pytest.approx(0.6554, abs=1e-4)
    assert law.best_of_k_error(256, **AT, centre=-1.5) == pytest.approx(2.2375, abs=1e-4)
    mild = [law.best_of_k_error(k, **AT, centre=0.3) for k in range(1, 200)]
    assert (np.diff(mild) < 0).all()


@pytest.mark.parametrize("centre", [0.0, -0.8, 0.3])
def test_the_integral_is_what_a_simulation_gives(centre):
    y = np.random.default_rng(7).normal(0.5, 1, size=(200_000, 5))
    taken = np.take_along_axis(y, ((y - centre) ** 2).argmin(axis=1)[:, None], axis=1)[:, 0]
    noise = 4 * (taken**2).std() / math.sqrt(len(y))
    assert law.best_of_k_error(5, **AT, centre=centre) == pytest.approx((taken**2).mean(), abs=noise)


@pytest.mark.parametrize(
    ("temperature", "centre", "error"), [(2.0, 0.0, 0.5625), (1.0, 0.3, 0.467778), (0.0, -0.8, 0.64)]
)
def test_many_answers_at_a_temperature(temperature, centre, error):
    assert law.many_answers_error(temperature, **AT, centre=centre) == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize(("centre", "best", "error"), [(-0.8, 0.93913, 0.467456), (-1.5, 3.3333, 0.6875)])
def test_the_best_temperature_of_a_biased_judge(centre, best, error):
    temperature = law.best_temperature(**AT, centre=centre)
    assert temperature == pytest.approx(best, abs=1e-4)
    assert law.many_answers_error(temperature, **AT, centre=centre) == pytest.approx(error, abs=1e-6)
    for other in (0.5 * temperature, 2 * temperature):
        assert law.many_answers_error(other, **AT, centre=centre) > error


def test_a_judge_near_the_truth_is_followed_and_an_opposite_one_ignored():
    assert law.best_temperature(**AT, centre=0.0) == 0.0
    assert law.best_temperature(mean=1.0, spread=0.1, centre=3.0) == math.inf
    spread_alone = law.many_answers_error(math.inf, mean=1.0, spread=0.1, centre=3.0)
    assert spread_alone == pytest.approx(1.01)


def test_the_best_judge_overshoots_the_truth():
    assert law.best_centre(2.0, **AT) == -0.5
    assert law.many_answers_error(2.0, **AT, centre=-0.5) == pytest.approx(0.5)
    assert law.best_centre(0.0, **AT) == 0.0


def test_the_series_at_a_high_temperature():
    series = [law.warm_judge_error(k, 20.0, **AT, centre=0.0) for k in (1, 2, 4, 8, 32)]
    assert series == pytest.approx([1.25, 1.175, 1.14387, 1.12941, 1.11893], abs=2e-3)
    rng = np.random.default_rng(8)
    for k, said in zip((2, 4, 8), series[1:4], strict=True):
        y = rng.normal(0.5, 1, size=(100_000, k))
        weight = np.exp(-(y**2) / 20)
        error = (weight * y**2).sum(axis=1) / weight.sum(axis=1)
        assert said == pytest.approx(error.mean(), abs=4 * error.std() / math.sqrt(len(y)) + 2e-3)


@pytest.mark.parametrize(
    ("d", "n", "sigma", "gamma"), [(10, 10_000, 1e-4, 1e-3), (10, 20, 0.5, 1.0), (60, 30, 0.1, 0.5)]
)
def test_what_training_leaves_unknown_solves_its_fixed_point(d, n, sigma, gamma):
    r = law.remaining_variance(d=d, n=n, s=1.0, sigma=sigma, gamma=gamma)
    assert r == pytest.approx(d * sigma**2 / (n * gamma**2) + d / n * r / (1 + r), rel=1e-9)


def test_out_of_range_is_refused():
    for wrong in (
        lambda: law.best_of_k_error(0, **AT, centre=0.0),
        lambda: law.best_of_k_error(2, mean=0.0, spread=0.0, centre=0.0),
        lambda: law.perfect_judge_error(2, mean=math.nan, spread=1.0),
        lambda: law.many_answers_error(-1.0, **AT, centre=0.0),
        lambda: law.best_temperature(mean=math.inf, spread=1.0, centre=0.0),
        lambda: law.best_centre(-1.0, **AT),
        lambda: law.warm_judge_error(2, 0.0, **AT, centre=0.0),
        lambda: law.remaining_variance(d=1, n=0, s=1.0, sigma=1.0, gamma=1.0),
    ):
        with pytest.raises(UsageError):
            wrong()
