"""What `outlay/auto` chooses from the saved figures is what the planner would choose from the pilot itself."""

from __future__ import annotations

import numpy as np
import pytest

from outlay.cli._save_plan import _measured
from outlay.gateway.auto import Asked, pick
from outlay.models.recording_file import read
from outlay.policies._advice import advise
from outlay.policies._menu import menu_of
from outlay.policies._pilot import of_recording
from outlay.policies._worth import Worth
from outlay.policies.planner import accuracy_P, burden_P, choose

POOLS = [("pool-q15-sums",), ("pool-q05-sums", "pool-q15-sums"), ("res-q05-chain_sum",)]


@pytest.mark.parametrize("names", POOLS)
@pytest.mark.parametrize("wrong_usd", [0.0, 0.001])
def test_for_every_worth_and_cap_the_file_holds_the_planners_choice(names, wrong_usd):
    pilots = [of_recording(name, read(name)) for name in names]
    menu, beliefs = menu_of(pilots)
    saved_for = Worth(value_usd=0.001, wrong_usd=wrong_usd)
    buys = advise(menu, beliefs, saved_for, pilots=pilots).buys
    known = [_measured(buy.name, buy) for buy in buys]
    at = {entry.name: i for i, entry in enumerate(menu)}
    accuracy = accuracy_P(menu, beliefs)
    chosen = set()
    for value_usd in np.geomspace(5e-5, 0.5, 25).tolist():
        for cap in (None, *sorted(k.most_usd for k in known)):
            worth = Worth(value_usd=value_usd, wrong_usd=wrong_usd)
            net = value_usd * accuracy - burden_P(beliefs, worth, menu)
            best = choose(menu, beliefs, worth, budget_usd=cap)
            name, why = pick(known, Asked(worth, cap), "default")
            chosen.add(name)
            if best is None:
                assert "no plan is expected to be worth its price" in why
                continue
            # Figures are kept to four digits, so that near twins may stand for each other.
            assert net[best] - net[at[name]] <= 2e-4 * (value_usd + wrong_usd), (cap, menu[best].name, name)
    assert len(chosen) >= 3
    assert len(known) < len(menu)
