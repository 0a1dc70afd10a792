"""Audits of a checker: closed forms, dependence that is not counted twice, and what cannot be said."""

import numpy as np
import pytest

from outlay.economics.verifier_audit import audit
from outlay.errors import UsageError
from outlay.stats.wilson import wilson


def test_rates_are_shares_of_checks():
    found = audit([2, 1, 0, 0], [2, 2, 2, 1], [1, 1, 0, 0], cost_P=[4.0, 4.0, 4.0, 2.0])
    assert found.completeness is not None
    assert found.soundness is not None
    assert found.price is not None
    assert (found.completeness.value, found.soundness.value, found.price.value) == (0.75, 1.0, 2.0)
    assert (found.price.interval.low, found.price.interval.high) == pytest.approx((2.0, 2.0))


def test_single_checks_of_many_questions_have_about_wilsons_interval():
    accepts = np.arange(400) < 300
    found = audit(accepts, np.ones(400), np.ones(400))
    assert found.completeness is not None
    plain = wilson(300, 400)
    assert found.completeness.interval.low == pytest.approx(plain.low, abs=0.001)
    assert found.completeness.interval.high == pytest.approx(plain.high, abs=0.001)


def test_repeats_that_only_repeat_add_nothing():
    accepts = np.arange(100) < 70
    once = audit(accepts, np.ones(100), np.ones(100)).completeness
    often = audit(8 * accepts, np.full(100, 8), np.ones(100)).completeness
    assert once is not None
    assert often is not None
    assert often.interval.low == pytest.approx(once.interval.low)
    assert often.interval.high == pytest.approx(once.interval.high)


def test_solutions_of_one_question_do_not_count_as_independent():
    accepts = np.repeat(np.arange(20) < 14, 10)
    alone = audit(accepts, np.ones(200), np.ones(200)).completeness
    grouped = audit(accepts, np.ones(200), np.ones(200), question_P=np.repeat(np.arange(20), 10)).completeness
    assert alone is not None
    assert grouped is not None
    assert grouped.interval.high - grouped.interval.low > 2.5 * (alone.interval.high - alone.interval.low)


def test_the_repeat_correlation_is_that_of_pairs_of_checks():
    accepts, checks = np.array([3] * 20 + [0] * 15 + [2] * 10 + [1] * 5), np.full(50, 3)
    found = audit(accepts, checks, np.zeros(50)).correlation_wrong
    assert found is not None
    a = accepts.sum() / checks.sum()
    both = (accepts * (accepts - 1)).sum() / (checks * (checks - 1)).sum()
    assert found.value == pytest.approx((both - a**2) / (a * (1 - a)))
    assert found.interval.low < found.value < found.interval.high


def test_checks_that_never_disagree_are_fully_correlated_down_to_what_the_data_exclude():
    accepts = 4 * (np.arange(60) < 30)
    found = audit(accepts, np.full(60, 4), np.ones(60)).correlation_right
    assert found is not None
    assert (found.value, found.interval.high) == (1.0, 1.0)
    assert found.interval.low == pytest.approx(1 - wilson(0, 60).high / 0.5)


def test_no_errors_seen_is_not_no_errors():
    found = audit(np.zeros(100), np.ones(100), np.zeros(100)).soundness
    assert found is not None
    assert found.value == 1.0
    assert 0.95 < found.interval.low < 0.97


def test_what_the_data_cannot_tell_is_said():
    found = audit([1] * 30, [1] * 30, [1] * 30)
    assert found.soundness is None
    assert found.correlation_right is None
    assert found.price is None
    assert not found.informs
    assert [sentence.split(":")[0] for sentence in found.cannot_say] == [
        "soundness",
        "repeat correlation on right solutions",
        "repeat correlation on wrong solutions",
        "price",
    ]


def test_a_checker_that_may_be_blind_is_called_that_with_what_would_settle_it():
    correct = np.arange(40) < 20
    accepts = np.concatenate([np.arange(20) < 14, np.arange(20) < 10])
    found = audit(accepts, np.ones(40), correct)
    assert not found.informs
    assert "about 89 independent solutions of each kind" in found.cannot_say[-1]
    turned = audit(~accepts, np.ones(40), correct)
    assert "at least as often" in turned.cannot_say[-1]


def test_a_good_checker_informs():
    correct = np.arange(200) < 100
    assert audit(correct, np.ones(200), correct).informs


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([], [], []), "at least one solution"),
        (([1], [1, 1], [1]), "at least one solution"),
        (([2], [1], [1]), "more accepts than checks"),
        (([0], [0], [1]), "whole numbers"),
        (([np.nan], [1], [1]), "whole numbers"),
        (([0.5], [1], [1]), "whole numbers"),
        (([1], [1], [np.nan]), "without a label"),
    ],
)
def test_bad_audits_are_refused(arguments, says):
    with pytest.raises(UsageError, match=says):
        audit(*arguments)


def test_bad_costs_and_levels_are_refused():
    with pytest.raises(UsageError, match="finite and not negative"):
        audit([1, 0], [1, 1], [1, 0], cost_P=[1.0, -1.0])
    with pytest.raises(UsageError, match="level"):
        audit([1, 0], [1, 1], [1, 0], level=1.0)
