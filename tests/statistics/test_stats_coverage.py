"""Planted truths: intervals cover, tests hold their level. Fixed seeds, tolerances of three errors."""

import numpy as np
import pytest

from outlay.stats.bootstrap import bootstrap
from outlay.stats.paired import paired
from outlay.stats.permutation import position_test
from outlay.stats.wilson import wilson


@pytest.mark.parametrize(("questions", "at_least"), [(20, 0.88), (40, 0.91)])
def test_bootstrap_covers_a_planted_accuracy(questions, at_least):
    rng = np.random.default_rng(11)
    hits = 0
    for i in range(200):
        interval = bootstrap(np.mean, (rng.random(questions) < 0.6).astype(float), draws=400, seed=i)
        hits += interval.low <= 0.6 <= interval.high
    assert at_least <= hits / 200 <= 0.99


def test_wilson_covers_a_planted_accuracy():
    hits = [
        interval.low <= 0.9 <= interval.high
        for interval in (wilson(c, 30) for c in np.random.default_rng(5).binomial(30, 0.9, size=4000).tolist())
    ]
    assert 0.93 <= np.mean(hits) <= 0.98


def test_paired_holds_its_level():
    rng = np.random.default_rng(2)
    p = [paired(rng.random(10), rng.random(10), seed=i).p_value for i in range(60)]
    assert 0.005 <= np.mean(np.array(p) <= 0.05) <= 0.12


def test_position_test_holds_its_level():
    rng = np.random.default_rng(3)
    p = [position_test(rng.exponential(size=(24, 8)), seed=i, draws=199) for i in range(200)]
    assert 0.005 <= np.mean(np.array(p) <= 0.05) <= 0.11
