"""What a store promises to a server beside the ledger: keys, tenants with their quotas, and recorded replies."""

from __future__ import annotations

from typing import Protocol

from outlay.store.keys import Key
from outlay.store.protocol import Store
from outlay.store.quota import Quota, Used
from outlay.store.replies import Claim, Reply


class Accounts(Store, Protocol):
    """A store that knows keys. Verbs that write are durable once they are awaited."""

    async def add_key(self, key: Key) -> None:
        """Keep a new key."""
        ...

    async def keys(self, tenant: str | None = None) -> list[Key]:
        """The keys of a tenant, or of all, the oldest first, revoked ones too."""
        ...

    async def any_key(self) -> bool:
        """Whether a key was ever made, revoked ones too."""
        ...

    async def key_by_hash(self, digest: str) -> Key | None:
        """The key whose secret has this SHA-256, revoked or not."""
        ...

    async def revoke_key(self, named: str, at_us: int) -> Key:
        """Revoke the one living key with this id, prefix or name.

        Raises:
            UsageError: there is none, or there are several.
        """
        ...

    async def limit_tenant(self, tenant: str, quota: Quota) -> None:
        """Set what all keys of a tenant may use together."""
        ...

    async def tenant_quota(self, tenant: str) -> Quota:
        """What all keys of a tenant may use together."""
        ...

    async def used(self, owner: str, at_us: int) -> Used:
        """What a key (its id) or a tenant (`tenant/ID`) has used of its quotas at a time."""
        ...

    async def begin_reply(self, claim: Claim, at_us: int) -> Reply | int | None:
        """The recorded reply of this key and body; when its first attempt began, if the claim is ours now; None: a
        living attempt holds it.

        Raises:
            KeyReused: the key came with another body.
        """
        ...

    async def end_reply(self, claim: Claim, reply: Reply, at_us: int) -> None:
        """Record the reply of a claim, after everything settled before it."""
        ...

    def release_reply(self, claim: Claim) -> None:
        """Give up a claim without a reply, soon and in order: the next attempt with the same body takes it."""
        ...

    async def forget_replies(self, at_us: int) -> int:
        """Delete the replies that were kept for a day; returns how many."""
        ...
