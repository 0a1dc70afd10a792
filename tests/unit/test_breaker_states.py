"""The circuit breaker as a state machine, under a clock of its own."""

from __future__ import annotations

import random

from outlay.models.breaker import IN_A_ROW, LAST, LONGEST_S, Breaker, Breakers


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def opened(clock: Clock, seed: int = 1) -> Breaker:
    breaker = Breaker(clock, random.Random(seed))
    for _ in range(IN_A_ROW):
        assert breaker.admits()
        breaker.failed()
    assert breaker.state == "open"
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_starts_the_count_anew():
    breaker = Breaker(Clock(), random.Random(1))
    for _ in range(3):
        for _ in range(IN_A_ROW - 1):
            breaker.failed()
        assert breaker.admits()
        for _ in range(2 * IN_A_ROW):
            breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.opened == 0


def test_half_of_the_last_requests_failing_opens_it_without_a_run():
    breaker = Breaker(Clock(), random.Random(1))
    for _ in range(LAST // 2 - 1):
        breaker.failed()
        breaker.succeeded()
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"


def test_while_open_nothing_is_admitted_and_late_failures_do_not_prolong_it():
    clock = Clock()
    breaker = opened(clock)
    for _ in range(10):
        assert not breaker.admits()
        breaker.failed()
        clock.s += 0.05
    clock.s += 0.5
    assert breaker.state == "half-open"
    assert breaker.opened == 1


def test_half_open_lets_one_request_try_until_its_outcome_is_told():
    clock = Clock()
    breaker = opened(clock)
    clock.s += 1.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.left()
    assert [breaker.admits() for _ in range(2)] == [True, False]
    breaker.succeeded()
    assert breaker.state == "closed"
    assert all(breaker.admits() for _ in range(3))


def test_a_failed_trial_doubles_the_back_off_up_to_a_minute_and_a_success_starts_it_anew():
    clock = Clock()
    breaker = opened(clock)
    for k in range(1, 9):
        clock.s += LONGEST_S
        assert breaker.admits()
        breaker.failed()
        longest_s = min(LONGEST_S, 2.0**k)
        clock.s += 0.74 * longest_s
        assert not breaker.admits()
        clock.s += 0.26 * longest_s
        assert breaker.state == "half-open"
    breaker.succeeded()
    for _ in range(IN_A_ROW):
        breaker.failed()
    clock.s += 1.0
    assert breaker.state == "half-open"


def test_what_the_upstream_asks_to_wait_is_waited_within_bounds():
    clock = Clock()
    breaker = Breaker(clock, random.Random(1))
    for _ in range(IN_A_ROW):
        breaker.failed(30.0)
    clock.s += 29.9
    assert not breaker.admits()
    clock.s += 0.1
    assert breaker.admits()
    breaker.failed(86_400.0)
    clock.s += LONGEST_S
    assert breaker.admits()


def test_back_offs_are_spread():
    waits = set()
    for seed in range(20):
        clock = Clock()
        breaker = opened(clock, seed)
        while breaker.state == "open":
            clock.s += 0.01
        waits.add(round(clock.s - 100.0, 2))
    assert len(waits) > 5
    assert 0.74 <= min(waits) <= max(waits) <= 1.01


def test_each_model_has_its_own():
    breakers = Breakers(Clock(), "seed")
    for _ in range(IN_A_ROW):
        breakers.of("a").failed()
    assert breakers.of("b").admits()
    assert {name: breaker.state for name, breaker in breakers} == {"a": "open", "b": "closed"}
