"""Quotas of keys and tenants, and the check that a call fits in them: part of the transaction that reserves it."""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from outlay.errors import KeyRefused, OutlayError, OverQuota, UnknownPrice
from outlay.money import show
from outlay.store import statements as sql
from outlay.store.protocol import Opened

MINUTE_S = 60
DAY_S = 86_400
_US = 1_000_000


class Quota(Struct, frozen=True, omit_defaults=True):
    """What a key or a tenant may buy; None is no limit.

    Dollars count by the UTC day in which a call was reserved; requests (n choices are n) and tokens by the last minute;
    `concurrency` is calls under way. What is under way or lost counts at its worst case. A minute is counted in whole
    seconds, so it is up to 61 s long and no 60 s ever hold more than the limit.
    """

    nusd_per_day: int | None = None
    tokens_per_minute: int | None = None
    requests_per_minute: int | None = None
    concurrency: int | None = None


class Used(Struct, frozen=True):
    """How much of a quota is used now: sums over the ledger."""

    nusd: int
    open_nusd: int
    """The part of `nusd` that is reserved by calls under way."""
    tokens: int
    requests: int
    concurrency: int


def refusal(db: sqlite3.Connection, row: Opened) -> OutlayError | None:
    """Why a call bought with a key may not be reserved now, or None.

    A key that was revoked, or whose limits were changed, is so for the very next call.

    Cost: about four look-ups by index for each of key and tenant, however large the ledger.
    """
    found = db.execute(sql.QUOTAS, (row.key_id, row.tenant)).fetchone()
    if found is None or found[2] is not None:
        return KeyRefused("The key was revoked; ask for another one.")
    prefix, name, _, *limits = found
    owners = (
        (f"key {name} ({prefix}…)", row.key_id, sql.OPEN_BY_KEY, row.key_id, Quota(*limits[:4])),
        (f"tenant {row.tenant}", f"tenant/{row.tenant}", sql.OPEN_BY_TENANT, row.tenant, Quota(*limits[4:])),
    )
    for who, owner, open_now, which, quota in owners:
        why = (
            _in_flight(db, who, open_now, which, quota, row)
            or _in_minute(db, who, owner, quota, row)
            or _in_day(db, who, owner, quota, row)
        )
        if why is not None:
            return why
    return None


def used(db: sqlite3.Connection, owner: str, at_us: int) -> Used:
    """What an owner, a key's id or `tenant/ID`, has used at a time (microseconds since 1970)."""
    open_now, which = (
        (sql.OPEN_BY_TENANT, owner.removeprefix("tenant/"))
        if owner.startswith("tenant/")
        else (sql.OPEN_BY_KEY, owner)
    )
    nusd, open_nusd = _day(db, owner, at_us)
    requests, tokens = _minute(db, owner, at_us)
    return Used(nusd, open_nusd, tokens, requests, db.execute(open_now, (which,)).fetchone()[0])


def _in_flight(
    db: sqlite3.Connection, who: str, open_now: str, which: str | None, quota: Quota, row: Opened
) -> OverQuota | None:
    most = quota.concurrency
    if most is None or (taken := db.execute(open_now, (which,)).fetchone()[0]) + row.n <= most:
        return None
    said = f"The {who} may have {most:,} calls under way and {taken:,} are, {row.n:,} more were asked for"
    return _over(said, "concurrency", 1 if row.n <= most else None)


def _in_minute(
    db: sqlite3.Connection, who: str, owner: str | None, quota: Quota, row: Opened
) -> OverQuota | None:
    if quota.requests_per_minute is None and quota.tokens_per_minute is None:
        return None
    requests, tokens = _minute(db, owner, row.at_us)
    asked_tokens = row.bound_input_tokens + row.bound_output_tokens
    for limit, column, most, taken, asked in (
        ("requests_per_minute", 1, quota.requests_per_minute, requests, row.n),
        ("tokens_per_minute", 2, quota.tokens_per_minute, tokens, asked_tokens),
    ):
        if most is not None and taken + asked > most:
            word = limit.removesuffix("_per_minute")
            said = (
                f"The {who} may use {most:,} {word} a minute, {taken:,} are used and {asked:,} were asked for"
            )
            wait_s = (
                None if asked > most else _minute_wait_s(db, owner, row.at_us, column, taken + asked - most)
            )
            return _over(said, limit, wait_s)
    return None


def _in_day(
    db: sqlite3.Connection, who: str, owner: str | None, quota: Quota, row: Opened
) -> OutlayError | None:
    most, asked = quota.nusd_per_day, row.bound_nusd
    # What costs nothing is never refused for money, however much was spent.
    if most is None or asked == 0:
        return None
    if asked is None:
        return UnknownPrice(
            f"The {who} has a limit in dollars and the price of {row.model} is unknown, or what an image, a file or a "
            f"sound takes of it; send text alone, or have image_tokens set in outlay.toml."
        )
    nusd, open_nusd = _day(db, owner, row.at_us)
    if nusd + asked <= most:
        return None
    said = (
        f"The {who} may spend {show(most)} a day, {show(nusd)} are spent or reserved and this call can cost up to "
        f"{show(asked)}"
    )
    if asked > most:
        return _over(said, "usd_per_day", None)
    frees = nusd - open_nusd + asked <= most
    return _over(said, "usd_per_day", 1 if frees else DAY_S - row.at_us // _US % DAY_S)


def _over(said: str, limit: str, wait_s: int | None) -> OverQuota:
    smaller = "a smaller output bound" if limit in ("tokens_per_minute", "usd_per_day") else "fewer samples"
    then = f"that can never fit, ask with {smaller}" if wait_s is None else f"try again in {wait_s:,} s"
    return OverQuota(f"{said}; {then}.", limit=limit, retry_after_s=wait_s)


def _day(db: sqlite3.Connection, owner: str | None, at_us: int) -> tuple[int, int]:
    return db.execute(sql.DAY, (owner, at_us // (DAY_S * _US))).fetchone() or (0, 0)


def _minute(db: sqlite3.Connection, owner: str | None, at_us: int) -> tuple[int, int]:
    return db.execute(sql.MINUTE, (owner, *_window(at_us))).fetchone()


def _window(at_us: int) -> tuple[int, int]:
    """The seconds that may hold calls of the last minute; those further ahead are left by a clock that was set back."""
    now_s = at_us // _US
    return now_s - MINUTE_S, now_s + MINUTE_S


def _minute_wait_s(db: sqlite3.Connection, owner: str | None, at_us: int, column: int, excess: int) -> int:
    """Seconds until enough of the minute has passed that `excess` less is in it."""
    now_s = at_us // _US
    for second in db.execute(sql.SECONDS, (owner, *_window(at_us))):
        excess -= second[column]
        if excess <= 0:
            return max(second[0] + MINUTE_S + 1 - now_s, 1)
    return MINUTE_S
