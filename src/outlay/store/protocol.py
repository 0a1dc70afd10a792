"""What a store promises: a ledger written ahead, a call cache, answers with their traces, and leases.

Every verb that writes is durable against the death of the process once it is awaited. Adapters differ only in their
driver; SQL is written once in the dialect that SQLite and Postgres share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from outlay.store.kept import Kept


class Opened(Struct, frozen=True):
    """A ledger row as it is written ahead."""

    id: str
    run_id: str
    tenant: str
    phase: str
    question_id: str
    role: str
    model: str
    sample: int
    n: int
    bound_nusd: int | None
    bound_input_tokens: int
    bound_output_tokens: int
    at_us: int
    key_id: str | None = None
    """The key it is bought with; None is local use, which has no quota."""


class Settled(Struct, frozen=True):
    """What a ledger row ends as. `state`: settled, failed or lost."""

    id: str
    state: str
    cost_nusd: int | None
    paid_nusd: int | None
    overrun_nusd: int
    input_tokens: int
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int
    reasoning_tokens: int | None
    mark: str
    error: str
    at_us: int


RIGHT_FROM = 0.5
"""A verdict's score below this says that the answer was wrong."""


class Feedback(Struct, frozen=True):
    """What people found of an answer afterwards: `score` from 0 (wrong) to 1 (right)."""

    id: str
    trace_id: str
    tenant: str
    key_id: str | None
    score: float
    why: str
    at_us: int


class Totals(Struct, frozen=True):
    """Sums over a run's ledger.

    `calls` and `cost_nusd` include what came from the call cache; it is not paid and its tokens are not counted.
    Tokens include the lost calls at their bounds; money and calls keep those apart.
    """

    calls: int = 0
    cached_calls: int = 0
    cost_nusd: int | None = 0
    """None when some settled call had no known price."""
    paid_nusd: int | None = 0
    lost_nusd: int | None = 0
    """None when the price of some lost call is unknown."""
    lost_calls: int = 0
    overrun_nusd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Bill(Struct, frozen=True):
    """Sums over the calls of one phase, role and model, with what came from the call cache: its cost and tokens too.

    Lost calls are counted and stand in no other sum.
    """

    phase: str
    role: str
    model: str
    calls: int
    cached_calls: int
    failed_calls: int
    lost_calls: int
    cost_nusd: int | None
    """None when some call had no known price; `paid_nusd` likewise."""
    paid_nusd: int | None
    input_tokens: int
    cache_read_tokens: int | None
    output_tokens: int
    reasoning_tokens: int | None


class Store(Protocol):
    """The verbs outlay needs of a database."""

    lease_id: str

    def new_id(self, prefix: str) -> str:
        """An id that no other process and no other call has: sortable, with the lease's id inside."""
        ...

    async def open_run(self, run_id: str, tenant: str, what: str, detail: str, at_us: int) -> None:
        """Record a run, or do nothing if it is already recorded."""
        ...

    async def write_ahead(self, row: Opened) -> None:
        """Write a reservation; returns once it survives the death of this process.

        With a key the quotas of key and tenant are checked in the same transaction: sums over the ledger, whichever
        process wrote it.

        Raises:
            OverQuota: it does not fit now; nothing was written.
            UnknownPrice: the key has a limit in dollars and the row no bound in dollars.
            KeyRefused: the key was revoked or is not of the row's tenant.
        """
        ...

    def settle(self, row: Settled, completions: Sequence[tuple[str, str]] = ()) -> None:
        """End a ledger row and put its completions into the call cache, in one transaction, soon and in order.

        Where that fails it is tried again before any later write, and until it succeeds every other verb raises
        `StoreError`.
        """
        ...

    def record_cached(self, row: Opened, end: Settled) -> None:
        """Append a row for what came from the call cache: it costs, but was not paid."""
        ...

    async def cached(self, keys: Sequence[str]) -> dict[str, str]:
        """Completions (JSON) of those keys that are in the call cache."""
        ...

    async def save_answer(
        self,
        trace_id: str,
        run_id: str,
        question_id: str,
        answer: str,
        trace: str,
        at_us: int,
        *,
        tenant: str = "local",
        kept: Kept | None = None,
    ) -> None:
        """Store an answer with its trace, durably, after everything settled before it.

        What the answer leaves behind, `kept`, is committed with it or not at all.
        """
        ...

    async def trace(self, trace_id: str, *, tenant: str = "local") -> str | None:
        """The trace of an answer of this tenant as JSON lines, or None."""
        ...

    async def add_feedback(self, feedback: Feedback, also: Sequence[tuple[str, str]] = ()) -> int | None:
        """Keep an opinion of an answer, durably; None, and nothing is kept, where its tenant has no such trace.

        The demonstrations that an answer with a score below `RIGHT_FROM` left behind are deleted in the same commit,
        and with them those in `also`, each named by space and id. Returns how many.
        """
        ...

    async def sweep(self, run_id: str | None = None) -> int:
        """Mark reservations whose process is gone as lost, at their worst case; returns how many."""
        ...

    async def totals(self, run_id: str | None = None, *, tenant: str | None = None) -> Totals:
        """Sums over the ledger, of one run or of all, of one tenant or of all."""
        ...

    async def bills(
        self, run_id: str | None = None, *, phase: str | None = None, tenant: str | None = None
    ) -> list[Bill]:
        """Sums over the ledger by phase, role and model, in that order; of one run or all, one phase or all."""
        ...

    async def calls(
        self, *, lost: bool = False, limit: int = 1000, tenant: str | None = None
    ) -> list[dict[str, Any]]:
        """Ledger rows of one tenant or of all, the newest first."""
        ...

    async def reconcile(self, call_id: str, row: Settled | None) -> str:
        """Replace a lost or unreconciled row by what the provider's account says; None: it was never sent.

        Raises:
            UsageError: no such call, or it is not open to reconciliation.
        """
        ...

    async def flush(self) -> None:
        """Wait until everything handed over is durable."""
        ...

    async def close(self) -> None:
        """Flush, give up the lease and close."""
        ...
