"""Tries under a checker that errs: closed forms against brute force, invariants, and refusals."""

from itertools import permutations
from math import inf

import numpy as np
import pytest

from outlay.economics import sub_pools
from outlay.economics.imperfect_verifier import (
    TwoTypes,
    best_tries,
    best_tries_as_printed,
    best_tries_from,
    break_even_wrong,
    ceiling,
    ceiling_from,
    reward,
    reward_as_printed,
    reward_limit,
    tries,
    two_types,
    two_types_intervals,
)
from outlay.errors import CannotSay, UsageError

ILLUSTRATION = TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75)
KS = np.array([1, 2, 3, 5, 10, 15])


def planted(seed, questions=40, samples=8):
    rng = np.random.default_rng(seed)
    correct = rng.random((questions, samples)) < rng.random(questions)[:, None]
    chance = rng.random(correct.shape)
    return np.where(correct, chance < 0.9, chance < 0.4), correct


def test_the_illustration_as_printed_and_corrected():
    assert reward_as_printed(ILLUSTRATION, 15, wrong=1.0)[KS - 1] == pytest.approx(
        [0.4490, 0.4884, 0.4637, 0.4249, 0.3987, 0.3956], abs=5e-5
    )
    assert reward(ILLUSTRATION, KS, wrong=1.0) == pytest.approx(
        [0.4490, 0.4724, 0.4614, 0.4450, 0.4340, 0.4326], abs=5e-5
    )
    assert reward_limit(ILLUSTRATION, wrong=1.0) == pytest.approx(0.432472, abs=5e-7)


def test_the_best_number_agrees_in_both_forms_until_rounding_ends_the_printed_one():
    assert [best_tries(ILLUSTRATION, wrong=w) for w in (0.7, 1.0, 2.0)] == [3, 2, 1]
    assert [best_tries_as_printed(ILLUSTRATION, wrong=w) for w in (0.7, 1.0, 2.0)] == [3, 2, 1]
    assert best_tries(ILLUSTRATION, wrong=0.5) == inf
    assert 40 < best_tries_as_printed(ILLUSTRATION, wrong=0.5) < 800


def test_more_tries_never_hurt_below_the_break_even_cost():
    assert break_even_wrong(ILLUSTRATION) == pytest.approx(0.5977, abs=5e-5)
    assert best_tries(ILLUSTRATION, wrong=0.597) == inf
    assert best_tries(ILLUSTRATION, wrong=0.6) == 5


def test_the_corrected_reward_is_what_happens():
    rng = np.random.default_rng(3)
    n, most, wrong, price = 200_000, 4, 1.0, 0.02
    easy = rng.random(n) < 0.58
    p = np.where(easy, 0.87, 0.13)
    value, open_ = np.zeros(n), np.ones(n, bool)
    for _ in range(most):
        right = rng.random(n) < p
        accepted = right | (rng.random(n) >= 0.75)
        value += open_ * (-price + accepted * np.where(right, 1.0, -wrong))
        open_ &= ~accepted
    expected = reward(ILLUSTRATION, most, wrong=wrong, try_cost=price)
    assert value.mean() == pytest.approx(float(expected), abs=4 * value.std() / n**0.5)


def test_the_closed_form_of_the_best_number_is_the_maximum_of_the_rewards():
    rng = np.random.default_rng(0)
    for _ in range(400):
        types = TwoTypes(*rng.choice([0.0, 1.0, *rng.random(6)], 5))
        wrong, price = rng.choice([0.0, 4 * rng.random()]), rng.choice([0.0, 0.2 * rng.random()])
        best = best_tries(types, wrong=wrong, try_cost=price)
        values = np.concatenate([[0.0], reward(types, np.arange(1, 2001), wrong=wrong, try_cost=price)])
        reached = reward_limit(types, wrong=wrong, try_cost=price) if best == inf else values[int(best)]
        assert reached >= values.max() - 1e-9, (types, wrong, price)


def test_a_dearer_mistake_never_asks_for_more_tries():
    rng = np.random.default_rng(1)
    for _ in range(200):
        types = TwoTypes(*rng.random(3), 1.0, rng.random())
        best = [best_tries(types, wrong=w) for w in np.linspace(0, 8, 30)]
        assert best == sorted(best, reverse=True)


def test_a_perfect_checker_has_no_ceiling_and_its_reward_is_coverage():
    types = TwoTypes(0.3, 0.8, 0.1)
    assert ceiling([0.5, 0.01], completeness=1.0, soundness=1.0).tolist() == [1.0, 1.0]
    coverage = 0.3 * (1 - 0.2**KS) + 0.7 * (1 - 0.9**KS)
    assert reward(types, KS, wrong=100.0) == pytest.approx(coverage)
    assert best_tries(types, wrong=1e9) == inf


def test_ceilings_of_the_two_types():
    assert ceiling([0.87, 0.13], completeness=1.0, soundness=0.75) == pytest.approx(
        [0.96399, 0.37410], abs=5e-6
    )


def test_tries_from_samples_are_the_average_over_all_orders():
    accepted, correct = np.array([[1, 1, 0, 0, 1]], bool), np.array([[1, 0, 1, 0, 0]], bool)
    for k in range(6):
        ends = []
        for order in permutations(range(5)):
            at = next((i for i, s in enumerate(order[:k]) if accepted[0, s]), None)
            draws = k if at is None else at + 1
            value = 0.0 if at is None else 1.0 if correct[0, order[at]] else -2.0
            ends.append(value - 0.1 * draws)
        assert tries(accepted, correct, [k]).reward_QK(wrong=2.0, try_cost=0.1)[0, 0] == pytest.approx(
            np.mean(ends)
        )


def test_accuracy_of_accepted_answers_does_not_depend_on_the_tries():
    accepted, correct = planted(5)
    found = tries(accepted, correct, range(1, 9))
    some = accepted.any(axis=1)
    share = found.right_QK[some] / (found.right_QK + found.wrong_QK)[some]
    assert share == pytest.approx(np.repeat(share[:, :1], 8, axis=1))
    assert (np.diff(found.abstained_QK, axis=1) <= 1e-12).all()


def test_tries_agree_with_the_selection_over_sub_pools():
    accepted, correct = planted(6)
    codes = np.where(correct, 0, 1)
    ks = [1, 3, 8]
    assert tries(accepted, correct, ks).right_QK == pytest.approx(
        sub_pools.first_accepted(codes, correct, accepted, ks)
    )
    assert tries(accepted, correct, ks).draws_QK == pytest.approx(sub_pools.first_accepted_draws(accepted, ks))


def test_the_estimate_of_the_types_recovers_what_was_planted():
    rng = np.random.default_rng(9)
    easy = rng.random(3000) < 0.58
    correct = rng.random((3000, 60)) < np.where(easy, 0.87, 0.13)[:, None]
    accepted = correct | (rng.random(correct.shape) >= 0.75)
    found = two_types(accepted, correct)
    assert found.completeness == 1.0
    assert [found.share_easy, found.p_easy, found.p_hard, found.soundness] == pytest.approx(
        [0.58, 0.87, 0.13, 0.75], abs=0.03
    )


def test_the_intervals_of_the_types_hold_what_was_planted():
    rng = np.random.default_rng(12)
    easy = rng.random(120) < 0.58
    correct = rng.random((120, 40)) < np.where(easy, 0.87, 0.13)[:, None]
    accepted = correct | (rng.random(correct.shape) >= 0.75)
    found = two_types_intervals(accepted, correct)
    planted_types = {"share_easy": 0.58, "p_easy": 0.87, "p_hard": 0.13, "completeness": 1.0, "soundness": 0.75}
    assert found.keys() == planted_types.keys()
    for name, value in planted_types.items():
        assert found[name].low <= value <= found[name].high, name
    assert found["completeness"].low < 1.0
    with pytest.raises(UsageError, match="cannot be told apart"):
        two_types_intervals(accepted[easy], correct[easy])
    with pytest.raises(CannotSay, match="fewer than 5 questions"):
        two_types_intervals(accepted[:4], correct[:4])


def test_few_samples_a_question_do_not_push_the_types_apart():
    rng = np.random.default_rng(5)
    correct = rng.random((20_000, 4)) < np.where(rng.random(20_000) < 0.5, 0.7, 0.3)[:, None]
    found = two_types(correct, correct)
    assert [found.share_easy, found.p_easy, found.p_hard] == pytest.approx([0.5, 0.7, 0.3], abs=0.03)
    assert correct.mean(axis=1)[correct.mean(axis=1) > 0.5].mean() > 0.8


def test_types_on_one_side_of_a_half_are_told_apart_too():
    rng = np.random.default_rng(6)
    correct = rng.random((2000, 20)) < np.where(rng.random(2000) < 0.3, 0.4, 0.05)[:, None]
    found = two_types(correct, correct)
    assert [found.share_easy, found.p_easy, found.p_hard] == pytest.approx([0.3, 0.4, 0.05], abs=0.02)


def test_questions_of_one_type_and_two_samples_a_question_are_refused():
    rng = np.random.default_rng(7)
    alike = rng.random((50, 8)) < 0.5
    with pytest.raises(CannotSay, match="one success rate explains"):
        two_types(alike, alike)
    with pytest.raises(CannotSay, match="fewer than 3 samples"):
        two_types(alike[:, :2], alike[:, :2])


def test_an_accuracy_of_one_has_an_interval_below_it():
    right = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1]] * 5, bool)
    found = two_types_intervals(right, right)["p_easy"]
    assert 0.85 < found.low < found.high == 1.0


def test_soundness_is_the_notebooks_formula_of_joint_frequencies():
    accepted, correct = planted(2)
    complete = accepted | correct
    acc, true, true_given_accepted = complete.mean(), correct.mean(), correct[complete].mean()
    assert two_types(complete, correct).soundness == pytest.approx(
        (1 - acc - true + true_given_accepted * acc) / (1 - true)
    )


def test_not_answering_is_offered_and_said():
    accepted, correct = np.ones((20, 4), bool), np.zeros((20, 4), bool)
    found = best_tries_from(accepted, correct, wrong=1.0, seed=1)
    assert (found.tries, found.reward, found.abstained, found.at_limit) == (0, 0.0, 1.0, False)


def test_without_a_cost_of_wrong_answers_the_samples_are_the_limit():
    accepted, correct = planted(4)
    accepted[0], correct[0] = np.arange(8) == 5, True
    found = best_tries_from(accepted, correct, wrong=0.0, seed=1)
    assert (found.tries, found.at_limit) == (8, True)


def test_the_interval_holds_the_estimate_and_the_same_seed_gives_the_same():
    accepted, correct = planted(8)
    found = best_tries_from(accepted, correct, wrong=1.0, seed=1)
    assert found.interval.low <= found.tries <= found.interval.high
    assert found == best_tries_from(accepted, correct, wrong=1.0, seed=1)


def test_questions_without_an_accepted_sample_are_counted_both_ways():
    found = ceiling_from([[1, 0], [1, 1], [0, 0], [0, 0]], [[1, 1], [0, 1], [0, 0], [1, 1]], seed=1)
    assert (found.value, found.never, found.lowest, found.highest) == (0.75, 0.5, 0.375, 0.875)


@pytest.mark.parametrize(
    ("accepted", "correct", "says"),
    [
        ([[1, 1], [1, 1]], [[1, 1], [1, 1]], "cannot be told apart"),
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]], "cannot be told apart"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "not empty"),
        ([[1, np.nan]], [[1, 0]], "0 or 1"),
        ([[1, 0, 1]], [[1, 0]], "same shape"),
        ([[0.5, 1]], [[1, 0]], "0 or 1"),
    ],
)
def test_types_that_the_data_do_not_show_are_refused(accepted, correct, says):
    with pytest.raises(UsageError, match=says):
        two_types(accepted, correct)


def test_other_refusals():
    flags = [[1, 0], [1, 1]]
    with pytest.raises(UsageError, match="between 0 and the 2 samples"):
        tries(flags, flags, [3])
    with pytest.raises(UsageError, match="fewer than 5 questions"):
        best_tries_from(flags, flags, wrong=1.0, seed=1)
    with pytest.raises(UsageError, match="fewer than two questions"):
        ceiling_from([[1, 0], [0, 0]], flags, seed=1)
    with pytest.raises(UsageError, match="nothing would ever be accepted"):
        ceiling([0.0], completeness=0.5, soundness=1.0)
    with pytest.raises(UsageError, match="finite and not negative"):
        reward(ILLUSTRATION, 1, wrong=-1.0)
    with pytest.raises(UsageError, match="finite and not negative"):
        best_tries(ILLUSTRATION, wrong=float("nan"))
    with pytest.raises(UsageError, match="p_hard"):
        TwoTypes(0.5, 0.5, 1.5)
