"""How large a pilot is drawn, and in which steps."""

from __future__ import annotations

from itertools import pairwise

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
        (240, (30, 8)),
        (239, (29, 8)),
        (80, (10, 8)),
        (79, (10, 7)),
        (10, (10, 1)),
        (9, (9, 1)),
        (0, (4, 1)),
    ],
)
def test_ten_questions_come_first_then_eight_samples_then_all(budget, size):
    assert pilot_size(probes(), budget, questions=30, samples=16) == size


def test_every_model_counts():
    assert pilot_size(probes(3), 60, questions=30, samples=16) == (10, 2)


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


def test_more_money_never_draws_less_of_either():
    sizes = [pilot_size(probes(), usd, questions=25, samples=12) for usd in range(0, 320, 3)]
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(sizes))
    assert sizes[-1] == (25, 12)


def test_few_labels_are_asked_whole():
    assert pilot_size(probes(), 35, questions=5, samples=8) == (5, 7)


def test_a_pilot_is_drawn_in_steps_and_ends():
    size, steps = (4, 1), []
    while (following := next_size(size, (30, 16))) is not None:
        size = following
        steps.append(size)
    assert steps == [(4, 16), (12, 16), (30, 16)]


@pytest.mark.parametrize(
    "have, wanted, following",
    [
        ((4, 1), (4, 1), None),
        ((4, 1), (7, 1), (7, 1)),
        ((4, 8), (10, 5), (10, 5)),
        ((12, 8), (30, 16), (30, 8)),
        ((12, 8), (9, 1), None),
    ],
)
def test_what_became_dearer_is_drawn_in_fewer_samples(have, wanted, following):
    assert next_size(have, wanted) == following
