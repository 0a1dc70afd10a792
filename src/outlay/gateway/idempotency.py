"""The same idempotency key and body get the same reply for a day, and never pay twice.

An attempt claims its key before it buys anything. Duplicates wait for it; when it ends they get its reply as it was
sent. An attempt that failed, or whose process was killed, releases the key: the next one goes on under the same
`scope`, so its draws have the same seeds and the call cache serves those that were settled. Only calls that were lost
under way are bought again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from msgspec import Struct

from outlay.errors import UsageError
from outlay.store.accounts import Accounts
from outlay.store.replies import Claim, Reply

LONGEST = 255
"""Characters in an idempotency key."""
POLL_S = 0.25
"""How often a duplicate looks whether an attempt in another process has ended, in seconds."""
FORGET_EVERY_US = 3600 * 1_000_000


class Attempt(Struct, frozen=True):
    """An attempt that holds its key: end it with `finish` or `release`, whatever happens."""

    claim: Claim
    scope: str
    """What names this purchase and no other, in every attempt: the question's id and the call cache's scope."""


class Idempotency:
    """Replies by idempotency key, per tenant. One per server, used from one event loop."""

    def __init__(
        self,
        store: Accounts,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        poll_s: float = POLL_S,
    ):
        self._store, self._now_us, self._poll_s = store, now_us, poll_s
        self._waiting: dict[tuple[str, str], set[asyncio.Future[None]]] = defaultdict(set)
        self._forgot_us = 0

    async def begin(self, tenant: str, key: str, digest: str) -> Attempt | Reply:
        """The recorded reply, or an attempt that is ours to make; waits while another makes it.

        Begin once the request was found to be in order, and before anything is bought.

        Args:
            tenant: whose key it is: the same key of another tenant is another key.
            key: as the client sent it.
            digest: of the request (`digest_of`).

        Raises:
            KeyReused: the key came with another body in the last 24 hours.
            UsageError: the key is empty, longer than 255 characters, or not printable ASCII.
        """
        if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
            raise UsageError(f"An idempotency key is 1 to {LONGEST} printable ASCII characters.")
        await self._forget()
        while True:
            # Asked before the store is: an attempt that ends in between must not be missed.
            ended = asyncio.get_running_loop().create_future()
            self._waiting[tenant, key].add(ended)
            try:
                begun = await self._claim(Claim(tenant, key, digest, self._store.new_id("reply")))
                if begun is not None:
                    return begun
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended, self._poll_s)
            finally:
                self._waiting[tenant, key].discard(ended)
                if not self._waiting[tenant, key]:
                    del self._waiting[tenant, key]

    async def finish(self, attempt: Attempt, reply: Reply) -> None:
        """Record the reply of an attempt; its duplicates get the same bytes.

        Record what answers the request. After a failure that another try may mend, `release` instead.
        """
        try:
            await self._store.end_reply(attempt.claim, reply, self._now_us())
        finally:
            self._wake(attempt.claim)

    def release(self, attempt: Attempt) -> None:
        """Give the key up without a reply: the next attempt, a waiting duplicate or a later try, takes it."""
        self._store.release_reply(attempt.claim)
        self._wake(attempt.claim)

    async def _claim(self, claim: Claim) -> Attempt | Reply | None:
        try:
            begun = await self._store.begin_reply(claim, self._now_us())
        except asyncio.CancelledError:
            # It may have been granted in the same moment.
            self._store.release_reply(claim)
            self._wake(claim)
            raise
        return begun if begun is None or isinstance(begun, Reply) else Attempt(claim, _scope(claim, begun))

    def _wake(self, claim: Claim) -> None:
        for future in self._waiting.get((claim.tenant, claim.key), ()):
            if not future.done():
                future.set_result(None)

    async def _forget(self) -> None:
        now = self._now_us()
        if now - self._forgot_us >= FORGET_EVERY_US:
            self._forgot_us = now
            await self._store.forget_replies(now)


def digest_of(path: str, body: bytes, options: Sequence[tuple[str, str]] = ()) -> str:
    """The SHA-256 of a request: its path, its body, byte for byte, and the options that came in headers.

    Example:
        >>> digest_of("/v1/chat/completions", b"{}")[:8]
        '70e6ddde'
    """
    told = "".join(f"\n{name}: {value}" for name, value in sorted(options))
    return hashlib.sha256(path.encode() + told.encode() + b"\n" + body).hexdigest()


def _scope(claim: Claim, begun_us: int) -> str:
    told = f"{claim.tenant}\n{claim.key}\n{claim.digest}\n{begun_us}"
    return f"once_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
