"""What a quota costs: calls admitted and settled per CPU second without a key and with one, however full the ledger is.

    .venv/bin/python bench/quota.py [--calls 40000] [--rows 1000000]

A call is written ahead and settled in the SQLite ledger, 64 at a time, in one process pinned to one core. "With a key"
checks all four limits of the key and all four of its tenant in the transaction that reserves the call. `--rows` calls
of that key on that day stand in the ledger before the last measurement. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from door import machine

from outlay.gateway.auth import authenticate
from outlay.gateway.keys import new_key
from outlay.store.keys import Scope
from outlay.store.protocol import Opened, Settled
from outlay.store.quota import Quota
from outlay.store.sqlite import Sqlite

AT_ONCE = 64
WIDE = Quota(10**15, 10**12, 10**9, 10**6)


def opened(store: Sqlite, key_id: str | None) -> Opened:
    """A row to write ahead."""
    id, now = store.new_id("call"), time.time_ns() // 1000
    return Opened(id, "bench", "acme", "online", "q", "default", "m", 0, 1, 1000, 10, 20, now, key_id)


def ended(row: Opened) -> Settled:
    """Its end."""
    return Settled(row.id, "settled", 400, 400, 0, 5, None, None, 6, None, "", "", time.time_ns() // 1000)


async def per_second(store: Sqlite, n_calls: int, key_id: str | None) -> int:
    """Calls written ahead and settled per second of this process's CPU time, 64 at a time."""
    numbers = iter(range(n_calls))

    async def buyer() -> None:
        for _ in numbers:
            row = opened(store, key_id)
            await store.write_ahead(row)
            store.settle(ended(row))

    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(buyer())
    await store.flush()
    return round(n_calls / (time.process_time() - began))


async def fill(store: Sqlite, n_rows: int, key_id: str) -> None:
    """Put settled calls of this key and day into the ledger, an hour ago or at the day's beginning."""
    now = time.time_ns() // 1000
    then = max(now - 3_600_000_000, now - now % 86_400_000_000)
    await store._writer.run(
        lambda db: db.execute(
            "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < ?) "
            "INSERT INTO calls (id, run_id, tenant, phase, lease_id, question_id, role, model, sample, n, state, "
            "bound_nusd, bound_input_tokens, bound_output_tokens, paid_nusd, cost_nusd, input_tokens, output_tokens, "
            "reserved_us, settled_us, key_id) SELECT 'old' || x, 'old', 'acme', 'online', 'old', 'q', 'default', 'm', "
            "0, 1, 'settled', 1000, 10, 20, 400, 400, 5, 6, ?, ?, ? FROM i",
            (n_rows, then, then, key_id),
        )
    )


async def measure(n_calls: int, n_rows: int, folder: Path) -> dict[str, object]:
    """The three rates, and what it takes to find out who calls."""
    store = await Sqlite.open(folder / "ledger.db")
    secret, key = new_key("key_1", "bench", tenant="acme", role="buyer", scope=Scope(), quota=WIDE, at_us=1)
    await store.add_key(key)
    await store.limit_tenant("acme", WIDE)
    await per_second(store, n_calls // 10, None)
    found: dict[str, object] = {
        "machine": machine(),
        "calls_per_cpu_s": await per_second(store, n_calls, None),
        "calls_per_cpu_s_with_a_key": await per_second(store, n_calls, key.id),
    }
    await fill(store, n_rows, key.id)
    found[f"calls_per_cpu_s_with_a_key_and_{n_rows}_rows"] = await per_second(store, n_calls, key.id)
    began = time.process_time()
    for _ in range(10_000):
        await authenticate(store, f"Bearer {secret}", loopback=False, keys_exist=True)
    found["authenticate_us"] = round((time.process_time() - began) * 100, 1)
    await store.close()
    return found


def main() -> None:
    """Print the rates as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(given.calls, given.rows, Path(folder)))))


if __name__ == "__main__":
    main()
