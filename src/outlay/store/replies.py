"""The reply that an idempotency key stands for: claimed by one attempt, recorded by it, kept for a day."""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from outlay.errors import KeyReused
from outlay.store import statements as sql
from outlay.store.lease import Lease

KEPT_US = 24 * 3600 * 1_000_000
"""How long a reply is kept after its request began, in microseconds."""


class Reply(Struct, frozen=True):
    """A reply as the caller got it."""

    status: int
    media_type: str
    body: bytes


class Claim(Struct, frozen=True):
    """One attempt at a request that carries an idempotency key."""

    tenant: str
    key: str
    digest: str
    """Of the request's body."""
    id: str
    """Of this attempt, from `Store.new_id`."""


def begin(db: sqlite3.Connection, claim: Claim, lease_id: str, at_us: int) -> Reply | int | KeyReused | None:
    """The recorded reply; when the first attempt began, if the claim is ours now; None: another is under way.

    A claim that was released, or whose process is gone, passes to the next attempt with the same body. A key that came
    with another body is refused, which is returned and not raised.
    """
    found, begun_us = db.execute(sql.REPLY, (claim.tenant, claim.key)).fetchone(), at_us
    if found is not None and at_us - found[2] < KEPT_US:
        digest, holder, begun_us, ended_us, status, media_type, body = found
        if digest != claim.digest:
            return KeyReused(
                "This idempotency key was used with another request; use a new key for a new request."
            )
        if ended_us is not None:
            return Reply(status, media_type, body)
        if holder == lease_id or _alive(db, holder, at_us):
            return None
    db.execute(sql.CLAIM_REPLY, (claim.tenant, claim.key, claim.digest, claim.id, lease_id, begun_us))
    return begun_us


def forget(db: sqlite3.Connection, at_us: int) -> int:
    """Delete the replies that were kept long enough; returns how many."""
    return db.execute(sql.FORGET_REPLIES, (at_us - KEPT_US,)).rowcount


def _alive(db: sqlite3.Connection, lease_id: str, now_us: int) -> bool:
    row = db.execute(sql.ONE_LEASE, (lease_id,)).fetchone()
    return row is not None and Lease(*row[:5]).alive(beat_us=row[5], now_us=now_us)
