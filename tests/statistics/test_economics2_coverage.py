"""Intervals of verifiers' economics cover planted truths; `bench/verifiers.py --coverage` is the long form."""

import numpy as np
import pytest
from checked_samples import AUDIT_WORLDS, TRIES_WORLDS, AuditWorld, TriesWorld, seed_of

from outlay.economics.imperfect_verifier import best_tries_from
from outlay.economics.verifier_audit import audit


@pytest.mark.parametrize("world", TRIES_WORLDS, ids=lambda w: w.name)
def test_the_interval_of_the_best_number_of_tries_covers(world: TriesWorld):
    rng, best, replications = np.random.default_rng(seed_of(world.name)), world.best(), 120
    hits = 0
    for i in range(replications):
        accepted, correct = world.draw(rng, 40)
        found = best_tries_from(
            accepted, correct, wrong=world.wrong, try_cost=world.try_cost, seed=i, draws=200
        )
        hits += found.interval.low <= best <= found.interval.high
    assert hits / replications >= 0.93


def test_the_interval_of_the_best_number_of_tries_narrows_with_questions():
    world = TRIES_WORLDS[1]
    rng = np.random.default_rng(seed_of("narrows"))
    widths = []
    for questions in (20, 400):
        accepted, correct = world.draw(rng, questions)
        interval = best_tries_from(accepted, correct, wrong=world.wrong, seed=1).interval
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("world", AUDIT_WORLDS, ids=lambda w: w.name)
def test_the_intervals_of_an_audit_cover(world: AuditWorld):
    rng, replications = np.random.default_rng(seed_of(world.name)), 600
    truth = {"completeness": world.accepts_right, "soundness": 1 - world.accepts_wrong}
    repeats = dict.fromkeys(("correlation_right", "correlation_wrong"), world.correlation)
    hits, said = dict.fromkeys(truth | repeats, 0), dict.fromkeys(truth | repeats, 0)
    for _ in range(replications):
        found = audit(**world.draw(rng))
        for name, value in (truth | repeats).items():
            measured = getattr(found, name)
            if measured is not None:
                said[name] += 1
                hits[name] += measured.interval.low <= value <= measured.interval.high
    for name in truth:
        assert said[name] == replications
        assert 0.93 <= hits[name] / replications <= 0.98, name
    for name in repeats:
        assert said[name] < 100 or hits[name] / said[name] >= 0.9, name
