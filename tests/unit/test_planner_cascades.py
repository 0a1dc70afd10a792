"""The planner says where a cascade costs more than the model it defers to, and only there."""

import numpy as np
import pytest

from outlay.policies._menu import Beliefs, Entry
from outlay.policies._unpaying import unpaying
from outlay.types import Plan


def menu(*cascade_usd):
    single = [Entry(f"single on {m}", Plan("single"), (m,), 1) for m in ("small", "large")]
    cascades = [
        Entry(f"cascade {n}", Plan("cascade", {"n": n, "m": 1}), ("small", "large"), n)
        for n in range(2, 2 + len(cascade_usd))
    ]
    usd = np.tile([0.001, 0.01, *cascade_usd], (4, 1))
    ones = np.ones_like(usd)
    return (*single, *cascades), Beliefs(ones, ones, usd, ones, usd[0])


@pytest.mark.parametrize(("costs", "told"), [((0.012, 0.011), 1), ((0.012, 0.009), 0), ((0.01,), 1), ((), 0)])
def test_it_is_told_where_no_cascade_costs_less_than_the_large_model(costs, told):
    said = unpaying(*menu(*costs))
    assert len(said) == told
    assert all("cannot pay" in s and "large alone $0.01" in s for s in said)
