"""The drift alarm on planted drops: `bench/drift.py` at a reduced size, and its guarantees at the edges."""

import importlib.util
from pathlib import Path
from random import Random

import pytest

from outlay.economics.cascade import break_even_agreement, expected_cost, weigh
from outlay.errors import UsageError
from outlay.stats.drop_alarm import BETS, DROPS, EVERY, drop_alarm

SPEC = importlib.util.spec_from_file_location("bench_drift", Path(__file__).parents[2] / "bench" / "drift.py")
assert SPEC is not None
assert SPEC.loader is not None
drift = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(drift)


def draw(rng, rate, n):
    return [rng.random() < rate for _ in range(n)]


@pytest.mark.parametrize("rate", [0.95, 0.8])
def test_steady_rates_and_rising_ones_raise_at_most_five_in_a_hundred(rate):
    rng, runs, gone_off = Random(rate), 120, 0
    for i in range(runs):
        right = sum(draw(rng, rate, 400))
        outcomes = draw(rng, rate + (0.04 if i % 2 else 0), 2000)
        gone_off += drop_alarm(outcomes, right=right, of=400).at is not None
    assert gone_off <= 0.05 * runs


@pytest.mark.parametrize(("rate", "of"), [(0.95, 400), (0.9, 400), (0.8, 1000)])
@pytest.mark.parametrize("start", [0, 600])
def test_a_drop_of_ten_points_is_found_nine_times_in_ten(rate, of, start):
    rng, runs, found = Random(f"{rate}{start}"), 100, 0
    for _ in range(runs):
        right = sum(draw(rng, rate, of))
        at = drop_alarm(draw(rng, rate, start) + draw(rng, rate - 0.1, 1000), right=right, of=of).at
        found += at is not None and at > start
    assert found >= 0.88 * runs


@pytest.mark.parametrize(("rate", "start"), [(0.95, 400), (0.9, 400), (0.9, 2000), (0.8, 800), (0.8, 2000)])
def test_a_cascade_finds_a_drop_within_a_thousand_audits_and_is_rarely_wrong(rate, start):
    assert drift.found(rate, start, runs=60)["found"] >= 0.88
    assert drift.false_alarms(rate, start, runs=60) <= 0.1


def test_the_evidence_is_that_of_bets_followed_one_by_one():
    rng = Random(8)
    outcomes = draw(rng, 0.8, 700)
    told = drop_alarm(outcomes, right=185, of=200, level=1e-9)
    stakes, highest = [0.0] * len(DROPS), 0.0
    for t, x in enumerate(outcomes):
        opened = 1 / (BETS * len(DROPS)) if t % EVERY == 0 and t < EVERY * BETS else 0.0
        factors = [(1 - d / told.floor) if x else (1 - told.floor + d) / (1 - told.floor) for d in DROPS]
        stakes = [(s + opened) * f for s, f in zip(stakes, factors, strict=True)]
        highest = max(highest, sum(stakes))
    assert told.evidence == pytest.approx(highest)


def test_looking_after_every_outcome_is_looking_once():
    rng = Random(3)
    outcomes = draw(rng, 0.7, 500)
    whole = drop_alarm(outcomes, right=360, of=400)
    assert whole.at is not None
    assert drop_alarm(outcomes[: whole.at], right=360, of=400).at == whole.at
    assert drop_alarm(outcomes[: whole.at - 1], right=360, of=400).at is None


@pytest.mark.parametrize(("right", "of"), [(0, 50), (50, 50), (1, 1), (1, 1000)])
def test_edges_are_finite(right, of):
    for outcomes in ([], [True] * 3000, [False] * 3000):
        told = drop_alarm(outcomes, right=right, of=of)
        assert 0 <= told.evidence < float("inf")
        assert told.at is None or (right > 0 and not all(outcomes))


@pytest.mark.parametrize(
    "bad", [{"right": 1, "of": 0}, {"right": 3, "of": 2}, {"right": 1, "of": 2, "level": 0.0}]
)
def test_a_reference_that_is_none_is_refused(bad):
    with pytest.raises(UsageError):
        drop_alarm([True], **bad)


@pytest.mark.parametrize("small", [0.0, 1.0, 9.0])
@pytest.mark.parametrize("audit", [0.0, 0.05, 0.5])
def test_at_the_break_even_agreement_the_cascade_costs_what_the_large_model_costs(small, audit):
    needs = break_even_agreement(small, 10.0, audit=audit)
    if needs > 1:
        assert expected_cost(1.0, small, 10.0, audit=audit) > 10.0
        return
    assert expected_cost(needs, small, 10.0, audit=audit) == pytest.approx(10.0)
    assert expected_cost(min(needs + 0.1, 1.0), small, 10.0, audit=audit) < 10.0


def test_what_cannot_pay_at_any_agreement_is_told_and_unknown_prices_are_not_weighed():
    assert weigh([], estimates=[(12.0, 10.0)]).why.endswith("cannot pay.")
    assert weigh([], estimates=[(12.0, 10.0), (3.0, 10.0)]).pays
    assert weigh([("deferred", None, None)] * 50).pays
    assert not weigh([("agreed", 12, 10)] * 50).pays
    assert weigh([("agreed", 3, None)] * 50 + [("deferred", 3, 10)] * 10).agreement == 50 / 60
