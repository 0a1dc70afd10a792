"""Keys, quotas and recorded replies over SQLite. What is asked with every request is read without the writer thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from outlay.store import keys, quota, replies
from outlay.store import statements as sql
from outlay.store.faults import plainly
from outlay.store.keys import Key
from outlay.store.quota import Quota, Used
from outlay.store.replies import Claim, Reply
from outlay.store.writer import Writer

T = TypeVar("T")


class SqliteAccounts:
    """The verbs of `Accounts` beside the ledger's; a part of `Sqlite`."""

    path: str
    lease_id: str
    _writer: Writer
    _reader: sqlite3.Connection | None = None

    async def add_key(self, key: Key) -> None:
        """Keep a new key."""
        await self._writer.run(lambda db: keys.add(db, key))

    async def keys(self, tenant: str | None = None) -> list[Key]:
        """The keys of a tenant, or of all, the oldest first, revoked ones too."""
        return await self._read(lambda db: keys.listed(db, tenant))

    async def any_key(self) -> bool:
        """Whether a key was ever made, revoked ones too."""
        return await self._read(lambda db: bool(db.execute(sql.ANY_KEY).fetchone()[0]))

    async def key_by_hash(self, digest: str) -> Key | None:
        """The key whose secret has this SHA-256, revoked or not."""
        return await self._read(lambda db: keys.by_hash(db, digest))

    async def revoke_key(self, named: str, at_us: int) -> Key:
        """Revoke the one living key with this id, prefix or name, or refuse."""
        return await self._writer.run(lambda db: keys.revoke(db, named, at_us))

    async def limit_tenant(self, tenant: str, quota: Quota) -> None:
        """Set what all keys of a tenant may use together."""
        await self._writer.run(lambda db: keys.limit_tenant(db, tenant, quota))

    async def tenant_quota(self, tenant: str) -> Quota:
        """What all keys of a tenant may use together."""
        return await self._read(lambda db: keys.tenant_quota(db, tenant))

    async def used(self, owner: str, at_us: int) -> Used:
        """What a key (its id) or a tenant (`tenant/ID`) has used of its quotas at a time."""
        return await self._read(lambda db: quota.used(db, owner, at_us))

    async def begin_reply(self, claim: Claim, at_us: int) -> Reply | int | None:
        """The recorded reply, when its first attempt began, or None while another is under way."""
        begun = await self._writer.within(lambda db: replies.begin(db, claim, self.lease_id, at_us))
        if isinstance(begun, Exception):
            raise begun
        return begun

    async def end_reply(self, claim: Claim, reply: Reply, at_us: int) -> None:
        """Record the reply of a claim."""
        ended = (at_us, reply.status, reply.media_type, reply.body, claim.tenant, claim.key, claim.id)
        await self._writer.do(sql.END_REPLY, ended)

    def release_reply(self, claim: Claim) -> None:
        """Give up a claim without a reply."""
        self._writer.hand_over((sql.RELEASE_REPLY, (claim.tenant, claim.key, claim.id)))

    async def forget_replies(self, at_us: int) -> int:
        """Delete the replies that were kept for a day."""
        return await self._writer.within(lambda db: replies.forget(db, at_us))

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads of what is committed.

        A look-up by index takes some microseconds, less than handing it to another thread, and in WAL mode nobody who
        writes makes it wait. A database in memory has but the one connection.
        """
        if self.path == ":memory:":
            return await self._writer.run(work)
        with plainly(self.path):
            if self._reader is None:
                self._reader = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                self._reader.execute("PRAGMA query_only=ON")
            return work(self._reader)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
