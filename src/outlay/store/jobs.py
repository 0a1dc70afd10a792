"""Offline jobs as rows: leased by one process at a time, within their tenant's offline budget, ended once."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec import Struct

from outlay.store import contexts, statements
from outlay.store import sleep_statements as sql
from outlay.store.contexts import Notes
from outlay.store.lease import Lease

STALE_US = 120_000_000
"""A leased job without a sign of life for this long (microseconds) is taken from its process."""
LOOKED_AT = 64
"""Waiting jobs that one lease looks at: those of tenants without money left are passed over."""
DAY_US = 86_400_000_000


class Job(Struct, frozen=True):
    """One piece of offline work. `state`: waiting, leased, done or failed."""

    id: str
    kind: str
    tenant: str
    detail: str
    """Parameters of its kind, as JSON."""
    state: str
    claim: str
    """The attempt that holds it, or that ended it."""
    lease_id: str
    beat_us: int
    held_nusd: int
    """What the attempt may spend of the tenant's offline budget."""
    attempts: int
    result: str
    created_us: int
    ended_us: int | None
    model: str = ""
    """What it must be done with; empty: any."""


def lease(
    db: sqlite3.Connection,
    lease_id: str,
    claim: str,
    now_us: int,
    *,
    model: str | None = None,
    most_nusd: int | None = None,
) -> Job | None:
    """The oldest waiting job whose tenant has offline budget left today, now ours; None: there is none.

    Only jobs for `model`, or for any, are looked at; None looks at all. The attempt may spend what is left of the
    day's budget, at most `most_nusd`; so much is held until it ends, and two workers never hold the same money. While
    others hold some, what is left beside it is leased only if it is `most_nusd`: with a scrap a job would end early.
    """
    _take_back_from_the_dead(db, lease_id, now_us)
    left: dict[str, int] = {}
    waiting = db.execute(sql.WAITING, (model, model, LOOKED_AT))
    # Mostly the first one it is: rows that are not looked at are not read.
    while (found := waiting.fetchone()) is not None:
        *row, per_day = found
        job = Job(*row)
        if job.tenant not in left:
            left[job.tenant] = _free(db, job.tenant, per_day, now_us, most_nusd)
        held = left[job.tenant] if most_nusd is None else min(left[job.tenant], most_nusd)
        if held > 0:
            db.execute(sql.LEASE_JOB, (claim, lease_id, now_us, held, job.id))
            return Job(*db.execute(sql.ONE_JOB, (job.id,)).fetchone())
    return None


def _free(db: sqlite3.Connection, tenant: str, per_day: int, now_us: int, most_nusd: int | None) -> int:
    """What a tenant's next job may hold; 0 while others hold so much that this one would have a scrap."""
    (held,) = db.execute(sql.HELD_OFFLINE, (tenant,)).fetchone()
    left = per_day - spent_today(db, tenant, now_us)
    return 0 if held > 0 and (most_nusd is None or left < most_nusd) else left


def spent_today(db: sqlite3.Connection, tenant: str, now_us: int) -> int:
    """What a tenant has spent offline since midnight (UTC) with what leased jobs hold, in nano-dollars."""
    day = now_us - now_us % DAY_US
    (spent,) = db.execute(sql.SPENT_OFFLINE, (tenant, day)).fetchone()
    (held,) = db.execute(sql.HELD_OFFLINE, (tenant,)).fetchone()
    return spent + held


def finish(db: sqlite3.Connection, job: Job, state: str, result: str, notes: Notes | None, now_us: int) -> bool:
    """End a job with its notes, priced by the ledger's rows; False, and nothing is kept, if it is no longer ours."""
    if db.execute(sql.END_JOB, (state, result, now_us, job.id, job.claim)).rowcount == 0:
        return False
    if notes is not None and contexts.named(db, job.tenant, notes.context_id) is not None:
        _, paid, read, wrote = db.execute(sql.JOB_CALLS, (job.id, job.tenant)).fetchone()
        contexts.put_notes(
            db,
            msgspec.structs.replace(
                notes,
                tenant=job.tenant,
                paid_nusd=paid,
                input_tokens=read,
                output_tokens=wrote,
                job_id=job.id,
                at_us=now_us,
            ),
        )
    return True


def _take_back_from_the_dead(db: sqlite3.Connection, mine: str, now_us: int) -> None:
    """Jobs whose process is gone, or gives no sign of life, wait again. What they paid is in the call cache."""
    db.execute(sql.TAKE_BACK_STALE, (now_us - STALE_US,))
    for (lease_id,) in db.execute(sql.HOLDERS, (mine,)).fetchall():
        row = db.execute(statements.ONE_LEASE, (lease_id,)).fetchone()
        if row is None or not Lease(*row[:5]).alive(beat_us=row[5], now_us=now_us):
            db.execute(sql.TAKE_BACK, (lease_id,))
