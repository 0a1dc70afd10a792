"""Where more compute stops paying, and why: the vote's ceiling, the verifier's, the budget, or the pilot's end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.economics import sub_pools
from outlay.policies._menu import Entry
from outlay.policies._pilot import Floats, Pilot
from outlay.policies._worth import Worth


class Limit(Struct, frozen=True):
    """Where the chosen plan's own line ends.

    `next_name`: the same plan with more samples (None: the pilot, or the budget, ends here), `next_usd`: what one more
    right answer costs by it (None: it buys none). `why`: `price` (it costs more than it is worth), `saturation` (it is
    not righter at all), `budget`, or `pilot` (no more samples were drawn). `vote`: how often the most frequent answer
    of all samples is right; `coverage`: how often a right one is among them: what a perfect check could reach;
    `accepted_right`: how often an accepted answer is right, which no number of tries gets past.
    """

    next_name: str | None
    next_usd: float | None
    why: str
    samples: int
    vote: float | None = None
    coverage: float | None = None
    accepted_right: float | None = None


def limit_of(
    menu: Sequence[Entry],
    accuracy: Floats,
    burden: Floats,
    best: int | None,
    worth: Worth,
    pilots: Sequence[Pilot],
    budget_usd: float | None,
) -> Limit | None:
    """Why not more samples of the chosen plan; None where nothing was chosen."""
    if best is None:
        return None
    entry = menu[best]
    facts = _facts(next((p for p in pilots if p.model == entry.models[-1]), None))
    line = [i for i, e in enumerate(menu) if _line(e) == _line(entry) and e.n > entry.n]
    if not line:
        return Limit(None, None, "pilot", entry.n, **facts)
    after = min(line, key=lambda i: menu[i].n)
    gain, extra = float(accuracy[after] - accuracy[best]), float(burden[after] - burden[best])
    if gain <= 0:
        return Limit(menu[after].name, None, "saturation", entry.n, **facts)
    price = extra / gain
    why = "price" if worth.value_usd is None or price > worth.value_usd else "budget"
    return Limit(menu[after].name, price, why if budget_usd is not None else "price", entry.n, **facts)


def _line(entry: Entry) -> tuple[str, ...]:
    """The family, with `single` as the vote of one."""
    return tuple("self_consistency" if part == "single" else part for part in entry.family)


def _facts(pilot: Pilot | None) -> dict[str, float]:
    if pilot is None or pilot.correct_QS is None:
        return {}
    k = [pilot.samples]
    facts = {
        "vote": float(sub_pools.vote(pilot.class_QS, pilot.correct_QS, k).mean()),
        "coverage": float(sub_pools.pass_at_k(pilot.correct_QS & (pilot.class_QS >= 0), k).mean()),
    }
    if pilot.checks is not None:
        accepted = pilot.checks.accepted_QS & (pilot.class_QS >= 0)
        if accepted.any():
            facts["accepted_right"] = float(np.mean(pilot.correct_QS[accepted]))
    return facts
