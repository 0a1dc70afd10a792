"""Keys and tenants as rows: what a caller may do and use. The secret itself is nowhere, only its hash."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from msgspec import Struct

from outlay.errors import UsageError
from outlay.store import statements as sql
from outlay.store.quota import Quota


class Scope(Struct, frozen=True, omit_defaults=True):
    """What a key may ask for; None is everything."""

    models: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    fan_out: int | None = None
    """The most calls that one request may plan."""
    max_output_tokens: int | None = None
    """The most output tokens of one sample."""
    reasoning_tokens: int | None = None
    """The most tokens of thinking that is seen: there the best answer is asked for."""
    answer_tokens: int | None = None
    """The most tokens of that answer."""


class Key(Struct, frozen=True):
    """A key as it is kept."""

    id: str
    hash: str
    """SHA-256 of the secret, in hexadecimal."""
    prefix: str
    """How the secret begins, for people to recognise it."""
    name: str
    tenant: str
    role: str
    scope: Scope
    quota: Quota
    created_us: int
    revoked_us: int | None = None


def add(db: sqlite3.Connection, key: Key) -> None:
    """Keep a new key."""
    scope = msgspec.json.encode(key.scope).decode()
    told = (key.id, key.hash, key.prefix, key.name, key.tenant, key.role, scope)
    db.execute(sql.ADD_KEY, (*told, *msgspec.structs.astuple(key.quota), key.created_us, key.revoked_us))


def listed(db: sqlite3.Connection, tenant: str | None) -> list[Key]:
    """The keys of a tenant, or of all, the oldest first; revoked ones stay listed."""
    return [_key(row) for row in db.execute(sql.KEYS, (tenant, tenant)).fetchall()]


def by_hash(db: sqlite3.Connection, digest: str) -> Key | None:
    """The key whose secret has this hash, revoked or not."""
    row = db.execute(sql.KEY_BY_HASH, (digest,)).fetchone()
    return None if row is None else _key(row)


def revoke(db: sqlite3.Connection, named: str, at_us: int) -> Key:
    """Revoke the one living key with this id, prefix or name.

    Raises:
        UsageError: there is none, or there are several.
    """
    living = [key for key in listed(db, None) if key.revoked_us is None]
    found = [key for key in living if named == key.id] or [
        key for key in living if named in (key.name, key.prefix)
    ]
    if len(found) != 1:
        several = f"; there are {len(found)} of that name, say which by its id" if found else ""
        raise UsageError(f"There is no one key {named!r} in use{several}; `outlay keys list` shows them.")
    db.execute(sql.REVOKE_KEY, (at_us, found[0].id))
    return msgspec.structs.replace(found[0], revoked_us=at_us)


def limit_tenant(db: sqlite3.Connection, tenant: str, quota: Quota) -> None:
    """Set what all keys of a tenant may use together."""
    db.execute(sql.LIMIT_TENANT, (tenant, *msgspec.structs.astuple(quota)))


def tenant_quota(db: sqlite3.Connection, tenant: str) -> Quota:
    """What all keys of a tenant may use together; without limits if none were set."""
    row = db.execute(sql.TENANT, (tenant,)).fetchone()
    return Quota() if row is None else Quota(*row)


def _key(row: tuple[Any, ...]) -> Key:
    id, digest, prefix, name, tenant, role, scope, *limits, created_us, revoked_us = row
    said = msgspec.json.decode(scope, type=Scope)
    return Key(id, digest, prefix, name, tenant, role, said, Quota(*limits), created_us, revoked_us)
