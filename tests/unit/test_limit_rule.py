"""How an upstream's limit moves: pure, on a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlay.models.limit_rule import LimitRule


def answer(rule, *, latency_s=0.1, at_s=0.0, in_flight=None):
    in_flight = rule.limit if in_flight is None else in_flight
    rule.answered(sent_s=at_s, now_s=at_s + latency_s, in_flight=in_flight)


def test_a_burst_of_refusals_cuts_once_a_round_trip_and_a_storm_halves():
    rule = LimitRule(64)
    for _ in range(50):
        rule.overloaded(sent_s=0.0, now_s=1.0, in_flight=64)
    assert (rule.limit, rule.overloads) == (62, 50)
    rule.overloaded(sent_s=1.5, now_s=2.0, in_flight=62)
    assert rule.limit == 33


def test_a_storm_cuts_from_what_was_under_way_and_never_below_one():
    rule = LimitRule(64)
    for _ in range(50):
        rule.overloaded(sent_s=0.0, now_s=1.0, in_flight=10)
    rule.overloaded(sent_s=1.5, now_s=2.0, in_flight=10)
    assert rule.limit == 5
    for second in range(2, 60):
        rule.overloaded(sent_s=second + 0.5, now_s=second + 1.0, in_flight=1)
    assert rule.limit == 1


def test_a_server_that_fails_now_and_then_is_not_taken_for_one_that_is_full():
    rule = LimitRule(64)
    for trip in range(200):
        for number in range(rule.limit):
            if number % 17 == 16:
                rule.overloaded(sent_s=float(trip), now_s=trip + 0.1, in_flight=rule.limit)
            else:
                answer(rule, at_s=float(trip))
    assert rule.limit >= 12


def fallen(rule):
    """Down to ten by a storm that has passed."""
    for second in range(100):
        rule.overloaded(sent_s=float(second), now_s=second + 0.5, in_flight=20)
        if rule.limit <= 12:
            break
    return rule


def test_it_grows_by_about_one_a_round_trip_up_to_the_most():
    rule = fallen(LimitRule(64))
    first = rule.limit
    for trip in range(101, 111):
        before = rule.limit
        for _ in range(before):
            answer(rule, at_s=float(trip))
        assert before <= rule.limit <= before + 1
    assert rule.limit >= first + 7
    for _ in range(20_000):
        answer(rule, at_s=200.0)
    assert rule.limit == 64


def test_answers_while_little_of_it_is_used_teach_nothing():
    rule = fallen(LimitRule(64))
    before = rule.limit
    for _ in range(1000):
        answer(rule, at_s=101.0, in_flight=3)
    assert rule.limit == before


def test_a_growth_of_latency_takes_a_tenth_a_round_trip_but_not_below_an_eighth():
    rule = LimitRule(64)
    for number in range(400):
        answer(rule, at_s=number * 0.1)
    for number in range(60):
        answer(rule, latency_s=1.0, at_s=100.0 + number * 2.0)
    assert 8 <= rule.limit < 40
    for number in range(100):
        answer(rule, latency_s=30.0, at_s=1000.0 + number * 60.0)
    assert rule.limit >= 8


def test_a_new_latency_that_stays_becomes_the_usual_one_and_the_limit_grows_back():
    rule = LimitRule(16)
    for number in range(400):
        answer(rule, at_s=number * 0.1)
    for number in range(5000):
        answer(rule, latency_s=1.0, at_s=100.0 + number)
    assert rule.limit == 16


def test_prompts_of_all_lengths_are_no_overload():
    rule = LimitRule(64)
    for number in range(5000):
        answer(rule, latency_s=(0.05, 0.1, 0.4, 3.0)[number % 4], at_s=float(number))
    assert rule.limit == 64


def test_a_fixed_limit_is_one_whose_least_is_its_most():
    rule = LimitRule(8, least=8)
    rule.overloaded(sent_s=0.0, now_s=1.0, in_flight=8)
    assert rule.limit == 8


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.integers(1, 100)), max_size=200))
def test_it_stays_within_one_and_the_most_whatever_happens(events):
    rule, now_s = LimitRule(32), 0.0
    for overload, latency_s, in_flight in events:
        now_s += latency_s
        tell = rule.overloaded if overload else rule.answered
        tell(sent_s=now_s - latency_s, now_s=now_s, in_flight=in_flight)
        assert 1 <= rule.limit <= 32
