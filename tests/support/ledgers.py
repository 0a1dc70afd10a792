"""Look into a ledger in a test."""

from __future__ import annotations

from typing import Any

from outlay.store.protocol import Opened, Settled, Store


async def rows(store: Store) -> list[dict[str, Any]]:
    """Every row of the ledger, in the order of writing."""
    await store.flush()
    return sorted(await store.calls(limit=100_000), key=lambda row: int(row["id"].rpartition("_")[2]))


def opened(id: str, *, run_id: str = "r", bound_nusd: int | None = 1000, n: int = 1, **more: Any) -> Opened:
    """A row to write ahead."""
    known = {
        "tenant": "local",
        "phase": "online",
        "question_id": "q",
        "role": "default",
        "model": "m",
        "sample": 0,
        "bound_input_tokens": 10,
        "bound_output_tokens": 20,
        "at_us": 1,
    }
    return Opened(id=id, run_id=run_id, bound_nusd=bound_nusd, n=n, **known | more)


def ended(id: str, *, state: str = "settled", cost_nusd: int | None = 400, **more: Any) -> Settled:
    """The end of a row."""
    known = {
        "paid_nusd": cost_nusd,
        "overrun_nusd": 0,
        "input_tokens": 5,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "output_tokens": 6,
        "reasoning_tokens": None,
        "mark": "",
        "error": "",
        "at_us": 2,
    }
    return Settled(id=id, state=state, cost_nusd=cost_nusd, **known | more)
