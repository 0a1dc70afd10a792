"""What a ledger says about an experiment's money: by phase and role, and what offline work has cost in all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.store.protocol import Bill


def bills(run_id: str | None = None, *, phase: str | None = None) -> list[Bill]:
    """The sums of a run, or of all runs, by phase, role and model; none where there is no ledger here."""
    from outlay import config
    from outlay.store.sqlite import Sqlite

    path = config.database()
    if not path.is_file():
        return []

    async def read() -> list[Bill]:
        store = await Sqlite.open(path)
        try:
            return await store.bills(run_id, phase=phase)
        finally:
            await store.close()

    return asyncio.run(read())


def offline_usd() -> float:
    """What all offline work in this ledger cost.

    Raises:
        UsageError: there is none, or some of it has no known price.
    """
    from outlay.errors import UsageError
    from outlay.money import NUSD

    costs = [b.cost_nusd for b in bills(phase="offline")]
    if not costs or None in costs:
        what = "holds no offline work" if not costs else "does not know the price of some offline work"
        raise UsageError(f"This ledger {what}; say what it cost, in dollars (--offline-usd).")
    return sum(c or 0 for c in costs) / NUSD
