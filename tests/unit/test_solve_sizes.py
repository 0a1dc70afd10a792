"""How large a pilot is drawn, and in which steps."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from pilots import pilot

from outlay.money import NUSD, Price
from outlay.solve._sizing import next_size, pilot_size

DOLLAR_A_SAMPLE = Price(0, NUSD * 10_000)
"""100 output tokens a sample."""


def probes(models: int = 1):
    return [pilot(0.5, questions=4, samples=1, price=DOLLAR_A_SAMPLE, model=f"m{i}") for i in range(models)]


@pytest.mark.parametrize(
    "budget, size",
    [
        (480, (30, 16)),
        (479, (30, 15)),
        (60, (30, 2)),
        (59, (29, 2)),
        (8, (4, 2)),
        (7, (7, 1)),
        (3, (4, 1)),
        (0, (4, 1)),
    ],
)
def test_samples_are_given_up_before_questions(budget, size):
    assert pilot_size(probes(), budget, questions=30, samples=16) == size


def test_every_model_counts():
    assert pilot_size(probes(3), 180, questions=30, samples=16) == (30, 2)


def test_prompts_and_checks_count():
    p = pilot(0.5, questions=4, samples=1, price=Price(NUSD * 10_000, NUSD * 10_000), verifier=(1.0, 0.0))
    checked = msgspec.structs.replace(p, checks=msgspec.structs.replace(p.checks, usd_QS=np.ones((4, 1))))
    # A prompt, 2 outputs and 2 + 2 checks; of 4 samples 1 + 4 + 4 + 3.
    assert pilot_size([checked], 70, questions=10, samples=4) == (10, 2)
    assert pilot_size([checked], 120, questions=10, samples=4) == (10, 4)
    alone = msgspec.structs.replace(p, checks=None, width=1)
    assert pilot_size([alone], 40, questions=10, samples=4) == (10, 2)


def test_what_costs_nothing_is_drawn_whole():
    free = [pilot(0.5, questions=4, samples=1, price=Price(0, 0))]
    assert pilot_size(free, 0.0, questions=30, samples=16) == (30, 16)


def test_a_pilot_grows_fourfold_and_ends():
    size, steps = (4, 1), []
    while (following := next_size(size, (30, 16))) is not None:
        assert following[0] * following[1] <= 4 * size[0] * size[1]
        size = following
        steps.append(size)
    assert steps == [(16, 1), (30, 2), (30, 8), (30, 16)]


@pytest.mark.parametrize("wanted", [(4, 1), (3, 9), (9, 0)])
def test_what_became_dearer_is_drawn_no_further(wanted):
    assert next_size((4, 1), wanted) is None
