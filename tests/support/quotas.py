"""Keys for tests, and what a ledger must look like under their quotas, computed from its rows alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from outlay.gateway.keys import new_key
from outlay.store.accounts import Accounts
from outlay.store.keys import Scope
from outlay.store.quota import Quota

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
Row = Mapping[str, Any]


async def key(
    store: Accounts,
    name: str = "ci",
    *,
    tenant: str = "acme",
    role: str = "buyer",
    scope: Scope | None = None,
    **quota: int,
) -> tuple[str, str]:
    """A new key in the store: its id and its secret. Its quota is unlimited but for what is named."""
    secret, made = new_key(
        store.new_id("key"),
        name,
        tenant=tenant,
        role=role,
        scope=scope or Scope(),
        quota=Quota(**quota),
        at_us=1,
    )
    await store.add_key(made)
    return made.id, secret


def tokens(row: Row) -> int:
    """What a row counts for a quota in tokens."""
    if row["state"] == "reserved":
        return row["bound_input_tokens"] + row["bound_output_tokens"]
    return (row["input_tokens"] or 0) + (row["output_tokens"] or 0)


def nusd(row: Row) -> int:
    """What a row counts for a quota in dollars."""
    return (row["bound_nusd"] if row["state"] == "reserved" else row["paid_nusd"]) or 0


def exceeded(rows: Iterable[Row], quota: Quota) -> list[str]:
    """Which limits the rows of one owner exceed: in any 60 seconds, on any day, at any moment."""
    counted = sorted((r for r in rows if r["state"] != "cached"), key=lambda r: r["reserved_us"])
    found = []
    for limit, most, value in (
        ("requests_per_minute", quota.requests_per_minute, lambda r: r["n"]),
        ("tokens_per_minute", quota.tokens_per_minute, tokens),
    ):
        if most is not None and _most_in_window(counted, value) > most:
            found.append(limit)
    days: dict[int, int] = {}
    for row in counted:
        day = row["reserved_us"] // DAY_US
        days[day] = days.get(day, 0) + nusd(row)
    if quota.nusd_per_day is not None and max(days.values(), default=0) > quota.nusd_per_day:
        found.append("usd_per_day")
    if quota.concurrency is not None and _most_at_once(counted) > quota.concurrency:
        found.append("concurrency")
    return found


def _most_in_window(rows: list[Row], value: Any) -> int:
    most, total, first = 0, 0, 0
    for row in rows:
        total += value(row)
        while row["reserved_us"] - rows[first]["reserved_us"] >= MINUTE_US:
            total -= value(rows[first])
            first += 1
        most = max(most, total)
    return most


def _most_at_once(rows: list[Row]) -> int:
    """At equal times an end comes first: times are stamped in the order in which the one writer got the rows."""
    changes = [(r["reserved_us"], 1, r["n"]) for r in rows]
    changes += [(r["settled_us"], 0, -r["n"]) for r in rows if r["settled_us"] is not None]
    most = now = 0
    for _, _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def sums_agree(path: Path) -> bool:
    """Whether the ledger's sums by day equal those of its rows."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM calls WHERE key_id IS NOT NULL AND state <> 'cached'").fetchall()
        kept = {
            (owner, start): (calls, counted, spent, open_nusd)
            for owner, start, calls, counted, spent, open_nusd in db.execute(
                "SELECT owner, start, calls, tokens, nusd, open_nusd FROM ledger_sums WHERE span_s = 86400"
            )
        }
    owed: dict[tuple[str, int], tuple[int, int, int, int]] = {}
    for row in rows:
        spent = nusd(row)
        this = (row["n"], tokens(row), spent, spent if row["state"] == "reserved" else 0)
        for owner in (row["key_id"], f"tenant/{row['tenant']}"):
            place = owner, row["reserved_us"] // DAY_US
            owed[place] = tuple(a + b for a, b in zip(owed.get(place, (0, 0, 0, 0)), this, strict=True))  # type: ignore[assignment]
    return kept == owed
