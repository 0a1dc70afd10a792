"""Tests between plans: McNemar, equivalence, non-inferiority, synergy, Holm."""

import math

import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.stats.difference_in_differences import difference_in_differences
from outlay.stats.equivalence import equivalence, non_inferiority, tost
from outlay.stats.holm import holm
from outlay.stats.mcnemar import mcnemar
from outlay.stats.paired import paired
from outlay.stats.wilson import wilson

A, B = np.r_[np.ones(60), np.zeros(40)], np.r_[np.ones(55), np.zeros(42), np.ones(3)]


def test_mcnemar_is_the_sign_flip_test_on_right_and_wrong():
    found = mcnemar(A, B)
    assert (found.only_a, found.only_b, found.questions) == (5, 3, 100)
    assert found.p_value == pytest.approx(paired(A, B, seed=1).p_value)
    assert mcnemar(A, A).p_value == 1.0


@pytest.mark.parametrize("wrong", [([], []), ([1], [1, 0]), ([0.5], [1]), ([math.nan], [1])])
def test_mcnemar_refuses_what_is_not_right_or_wrong(wrong):
    with pytest.raises(UsageError):
        mcnemar(*wrong)


def test_published_equivalence_holds_at_five_points_and_not_at_three():
    error = 0.039 / 1.959964
    assert tost(0.008, error, 0.05).shown
    assert not tost(0.008, error, 0.03).shown
    interval = tost(0.008, error, 0.05).interval
    assert (interval.high - interval.low) / 2 == pytest.approx(0.033, abs=0.0005)


def test_published_wilson_interval():
    interval = wilson(0.735 * 500, 500)
    assert (round(interval.low, 3), round(interval.high, 3)) == (0.695, 0.772)
    interval = wilson(0.727 * 500, 500)
    # Published as 68.7 to 76.5 %.
    assert (interval.low, interval.high) == (pytest.approx(0.687, abs=1e-3), pytest.approx(0.765, abs=1e-3))


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.05, 0.08, 0.2])
def test_tost_is_the_interval_inside_the_margin(margin):
    found = equivalence(A, B, margin=margin)
    assert found.shown == (-margin < found.interval.low and found.interval.high < margin)
    one_sided = non_inferiority(A, B, margin=margin)
    assert one_sided.shown == (-margin < one_sided.interval.low)


def test_any_difference_is_inside_an_infinite_margin_and_none_inside_zero():
    assert equivalence(A, B, margin=math.inf).shown
    assert equivalence(A, B, margin=math.inf).p_value == 0.0
    assert not equivalence(A, B, margin=0.0).shown
    assert not equivalence(A, A, margin=0.0).shown


def test_equivalence_is_paired():
    shuffled = np.random.default_rng(1).permutation(B)
    width = [i.high - i.low for i in (equivalence(A, x, margin=0.1).interval for x in (B, shuffled))]
    assert width[1] > 2 * width[0]


def test_no_differing_question_among_few_shows_nothing_and_among_many_it_does():
    few, many = np.ones(20), np.ones(200)
    assert not equivalence(few, few, margin=0.05).shown
    found = equivalence(many, many, margin=0.05)
    assert found.shown
    assert found.p_value == pytest.approx(0.95**200)
    assert found.interval.high == pytest.approx(1 - 0.05 ** (1 / 200))
    assert found.effect_size is None
    assert non_inferiority(many, many, margin=0.05).shown
    with pytest.raises(CannotSay, match="spread"):
        equivalence(3 * many, 3 * many, margin=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"a_Q": [1], "b_Q": [1], "margin": 0.1},
        {"a_Q": [1, 0], "b_Q": [1], "margin": 0.1},
        {"a_Q": [1, math.nan], "b_Q": [1, 0], "margin": 0.1},
        {"a_Q": [1, 0], "b_Q": [1, 0], "margin": -0.1},
        {"a_Q": [1, 0], "b_Q": [1, 0], "margin": 0.1, "alpha": 0.5},
        {"a_Q": [1, 0], "b_Q": [1, 0], "margin": math.nan},
    ],
)
def test_equivalence_refuses_bad_input(wrong):
    for test in (equivalence, non_inferiority):
        with pytest.raises(UsageError):
            test(**wrong)


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan, math.inf])
def test_tost_refuses_an_error_that_is_none(error):
    with pytest.raises(UsageError):
        tost(0.1, error, 0.2)


def test_effects_that_add_up_are_no_synergy_however_large():
    rng = np.random.default_rng(4)
    base, first, second = rng.random(200), 0.3, 0.4
    noise = 0.01 * rng.normal(size=200)
    found = difference_in_differences(base, base + first, base + second, base + first + second + noise)
    assert found.interval.low < 0 < found.interval.high
    assert found.amplification == pytest.approx(1.0, abs=0.01)


def test_a_planted_interaction_is_found():
    rng = np.random.default_rng(5)
    cells = [rng.binomial(1, p, size=1600) for p in (0.50, 0.52, 0.51, 0.70)]
    found = difference_in_differences(*cells)
    assert found.interval.low < 0.17 < found.interval.high
    assert found.p_value < 0.01
    assert difference_in_differences(cells[3], cells[1], cells[2], cells[0]).amplification is None


@pytest.mark.parametrize("cell", [[], [1], [1, math.nan], [1, 0, 1]])
def test_a_design_without_two_full_questions_is_refused(cell):
    with pytest.raises(UsageError):
        difference_in_differences([1, 0], [1, 0], [1, 0], cell)
    with pytest.raises(CannotSay, match="spread"):
        difference_in_differences([1, 0], [1, 0], [1, 0], [1, 0])
    with pytest.raises(UsageError):
        difference_in_differences([1, 0], [1, 0], [1, 0], [1, 1], level=1.0)


def test_holm_by_hand_and_its_bounds():
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    p = np.random.default_rng(1).random(9)
    assert (holm(p) >= p).all()
    assert (holm(p) <= np.minimum(1, 9 * p)).all()
    order = np.random.default_rng(2).permutation(9)
    assert (holm(p[order]) == holm(p)[order]).all()
    for wrong in ([], [-0.1], [math.nan], [1.1]):
        with pytest.raises(UsageError):
            holm(wrong)
