"""The vision-token law on the published 28 points, its closed forms, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from outlay.economics.frontier import frontier
from outlay.errors import CannotSay, UsageError
from outlay.laws.vision_tokens import fit

GRID = json.loads((Path(__file__).parents[1] / "data" / "vision-tokens" / "grid.json").read_text("utf-8"))
SIZE, TOKENS = (a.ravel() for a in np.meshgrid(GRID["model_billions"], GRID["visual_tokens"], indexing="ij"))


def points(kind):
    return 1 - np.ravel(GRID["accuracy"][kind])


@pytest.fixture(scope="module")
def scenes():
    return fit(SIZE, TOKENS, points("visual_reasoning"), seed=1, draws=100)


@pytest.fixture(scope="module")
def documents():
    return fit(SIZE, TOKENS, points("text_in_pictures"), seed=1, draws=30)


def test_the_published_exponents_and_the_best_number_of_tokens(scenes):
    assert (round(scenes.alpha, 4), round(scenes.beta, 4)) == (0.0709, 0.0151)
    assert (round(scenes.scale, 3), round(scenes.floor, 6)) == (0.591, 0.0)
    assert scenes.rmse < 0.004
    assert scenes.alpha_interval.low < 0.077 < scenes.alpha_interval.high
    assert round(scenes.ratio, 2) == 4.70
    best = scenes.best_tokens(50)
    assert round(best.value, 1) == 13.5
    assert best.interval.low < 13.5 < 14 < best.interval.high
    assert scenes.best_tokens(0).value == 1


@pytest.mark.parametrize("floor", [0.05, 0.1, 0.2])
def test_the_ratio_does_not_hang_on_the_floor(scenes, floor):
    """Errors with a floor taken off: scale and exponents move, their ratio stays."""
    moved = fit(SIZE, TOKENS, points("visual_reasoning") - floor, seed=1, draws=20)
    assert moved.alpha > scenes.alpha * 1.05
    assert moved.ratio == pytest.approx(4.70, abs=0.02)


def test_documents_want_all_the_tokens_and_the_form_is_said_to_be_wrong_there(documents):
    assert (round(documents.alpha, 3), round(documents.beta, 3)) == (0.028, 0.039)
    assert round(documents.rmse, 4) == 0.0136
    assert documents.form.wrong
    best = documents.best_tokens(50)
    assert best.value == 576
    assert "wrong" in best.warning


def test_with_cached_text_the_measured_front_starts_with_one_token_of_every_size():
    front = frontier((SIZE * TOKENS).tolist(), (1 - points("visual_reasoning")).tolist())
    cells = {(SIZE[i], TOKENS[i]) for i in front}
    assert {(0.5, 1), (1.8, 1), (4, 1), (7, 1)} <= cells


def test_no_other_number_of_tokens_is_better_at_the_same_compute(scenes):
    best = scenes.best_tokens(50)
    for flops in (1e11, 3e12):
        size = scenes.best_size(flops, 50)
        assert size.value == pytest.approx(flops / 2e9 / (50 + best.value))
        error = scenes.predict(size.value, best.value).value
        for v in (1.0, 8.0, 12.0, 16.0, 40.0, 576.0):
            assert error < scenes.predict(flops / 2e9 / (50 + v), v).value


def test_scaling_the_errors_scales_only_the_scale(scenes):
    half = fit(SIZE, TOKENS, points("visual_reasoning") / 2, seed=1, draws=20)
    assert half.scale == pytest.approx(scenes.scale / 2, rel=1e-4)
    assert half.best_tokens(50).value == pytest.approx(scenes.best_tokens(50).value, rel=1e-3)


def test_the_size_of_an_error_is_the_inverse(scenes):
    for n in (0.7, 3.0, 7.0):
        back = scenes.invert(scenes.predict(n, 20).value, 20)
        assert back.value == pytest.approx(n)
        assert back.interval.low <= n * (1 + 1e-9)
    assert "0.5 to 7 billion" in scenes.invert(0.4, 20).warning
    assert "image tokens" in scenes.predict(3, 1000).warning


def test_what_no_size_reaches_is_refused():
    n, v = np.array([1.0, 2, 4] * 3), np.repeat([1.0, 8, 64], 3)
    floored = fit(n, v, 0.3 / (n**0.5 * v**0.2) + 0.2, seed=1, draws=20)
    with pytest.raises(CannotSay):
        floored.invert(0.15, 8)
    with pytest.raises(UsageError):
        floored.predict(0, 8)
    with pytest.raises(UsageError):
        floored.best_tokens(-1)
    with pytest.raises(UsageError):
        floored.best_size(float("nan"), 50)
    with pytest.raises(UsageError):
        fit(n, v, [1.2] * 9, seed=1)
    with pytest.raises(UsageError):
        fit(n, v, [0.5] * 8, seed=1)
