"""The default store: one SQLite file, written to by one thread that commits in groups.

WAL mode with `synchronous=NORMAL` survives the death of the process; `durability="power"` survives the loss of power
too, at the price of a disk flush a commit.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from outlay.errors import OutlayError, UsageError, nearest
from outlay.store import commits, demonstrations
from outlay.store import statements as sql
from outlay.store.faults import plainly
from outlay.store.kept import Kept
from outlay.store.lease import Lease, mine
from outlay.store.migrate import migrate
from outlay.store.protocol import RIGHT_FROM, Bill, Feedback, Opened, Settled, Totals
from outlay.store.quota import refusal
from outlay.store.sqlite_contexts import SqliteContexts
from outlay.store.sqlite_memory import Searcher, SqliteMemory
from outlay.store.writer import Writer


class Sqlite(SqliteContexts, SqliteMemory):
    """A `Store`, with `Memory`, `Accounts` and `Sleeping`, over one SQLite file.

    Open it with `await Sqlite.open(path)`; use it from one event loop.
    """

    def __init__(self, path: Path | str, db: sqlite3.Connection, lease: Lease):
        self.path, self.lease_id = str(path), lease.id
        self._numbers = itertools.count()
        self._writer = Writer(self.path, db, self.lease_id)
        self._searcher = Searcher(self.path, self._writer)

    @classmethod
    async def open(cls, path: Path | str, *, durability: str = "process") -> Sqlite:
        """Open or create the file, bring its tables up to date and take a lease.

        Raises:
            StoreError: the file is no database, is corrupt, is locked, or its folder cannot be written.
        """
        now = time.time_ns() // 1000
        lease = mine(now)

        def connect() -> sqlite3.Connection:
            with plainly(path):
                if str(path) != ":memory:":
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                db = sqlite3.connect(
                    path, timeout=commits.BUSY_MS / 1000, isolation_level=None, check_same_thread=False
                )
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")
                migrate(db)
                db.execute(sql.TAKE_LEASE, (lease.id, lease.host, lease.boot, lease.pid, lease.started, now))
                return db

        return cls(path, await asyncio.to_thread(connect), lease)

    def new_id(self, prefix: str) -> str:
        """An id with this lease and a number in it."""
        return f"{prefix}_{self.lease_id}_{next(self._numbers)}"

    async def open_run(self, run_id: str, tenant: str, what: str, detail: str, at_us: int) -> None:
        """Record a run once."""
        await self._writer.do(sql.OPEN_RUN, (run_id, tenant, what, detail, at_us))

    async def write_ahead(self, row: Opened) -> None:
        """Write a reservation; returns once it is committed. With a key it must fit in the quotas."""
        values = _opened(row, self.lease_id)

        def admit(db: sqlite3.Connection) -> OutlayError | None:
            if (refused := refusal(db, row)) is None:
                db.execute(sql.WRITE_AHEAD, values)
            return refused

        self._writer.under_way += 1
        try:
            if row.key_id is None:
                await self._writer.do(sql.WRITE_AHEAD, values)
            elif (refused := await self._writer.within(admit)) is not None:
                raise refused
        except OutlayError:
            self._writer.under_way -= 1
            raise

    def settle(self, row: Settled, completions: Sequence[tuple[str, str]] = ()) -> None:
        """Hand over the end of a row with its completions, as one operation."""
        self._writer.under_way -= 1
        self._writer.hand_over(
            (sql.SETTLE, _settled(row)), *((sql.CACHE, (key, row.id, text)) for key, text in completions)
        )

    def record_cached(self, row: Opened, end: Settled) -> None:
        """Hand over a row of the call cache."""
        self._writer.hand_over((sql.RECORD_CACHED, (*_opened(row, self.lease_id), *_settled(end)[:-1])))

    async def cached(self, keys: Sequence[str]) -> dict[str, str]:
        """Completions by key, of those that are there."""
        marks = ",".join("?" * len(keys))
        rows = await self._writer.run(lambda db: db.execute(sql.CACHED.format(marks), tuple(keys)).fetchall())
        return dict(rows)

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
        """Store an answer with its trace and what it leaves behind; returns once all of it is committed."""
        values = (trace_id, tenant, run_id, question_id, answer, trace, at_us)
        if kept is None:
            await self._writer.do(sql.SAVE_ANSWER, values)
            return

        def save(db: sqlite3.Connection) -> None:
            db.execute(sql.SAVE_ANSWER, values)
            demonstrations.keep(db, tenant, kept, trace_id, at_us)

        await self._writer.run(save)

    async def trace(self, trace_id: str, *, tenant: str = "local") -> str | None:
        """The trace of an answer of this tenant, or None."""
        row = await self._writer.run(lambda db: db.execute(sql.TRACE, (trace_id, tenant)).fetchone())
        return row[0] if row else None

    async def add_feedback(self, feedback: Feedback, also: Sequence[tuple[str, str]] = ()) -> int | None:
        """Keep an opinion of an answer that its tenant has; one found wrong is no example any more."""
        values = msgspec.structs.astuple(feedback)
        known = (feedback.trace_id, feedback.tenant)

        def keep(db: sqlite3.Connection) -> int | None:
            if db.execute(sql.ADD_FEEDBACK, (*values, *known)).rowcount != 1:
                return None
            if feedback.score >= RIGHT_FROM:
                return 0
            return demonstrations.forget_answer(db, feedback.tenant, feedback.trace_id, also)

        return await self._writer.run(keep)

    async def sweep(self, run_id: str | None = None) -> int:
        """Mark what dead processes had reserved as lost."""

        def mark(db: sqlite3.Connection) -> int:
            now = time.time_ns() // 1000
            dead = [
                lease_id
                for lease_id, host, boot, pid, started, beat_us in db.execute(sql.LEASES).fetchall()
                if not Lease(lease_id, host, boot, pid, started).alive(beat_us=beat_us, now_us=now)
            ]
            return sum(db.execute(sql.MARK_LOST, (now, lease_id, run_id, run_id)).rowcount for lease_id in dead)

        return await self._writer.run(mark)

    async def totals(self, run_id: str | None = None, *, tenant: str | None = None) -> Totals:
        """Sums over the ledger."""
        values = (run_id, run_id, tenant, tenant)
        return Totals(*await self._writer.run(lambda db: db.execute(sql.TOTALS, values).fetchone()))

    async def bills(
        self, run_id: str | None = None, *, phase: str | None = None, tenant: str | None = None
    ) -> list[Bill]:
        """Sums over the ledger by phase, role and model."""
        values = (run_id, run_id, phase, phase, tenant, tenant)
        rows = await self._writer.run(lambda db: db.execute(sql.BILLS, values).fetchall())
        return [Bill(*row) for row in rows]

    async def calls(
        self, *, lost: bool = False, limit: int = 1000, tenant: str | None = None
    ) -> list[dict[str, Any]]:
        """Ledger rows as dictionaries, the newest first."""

        def rows(db: sqlite3.Connection) -> list[dict[str, Any]]:
            cursor = db.execute(sql.LOST if lost else sql.CALLS, (tenant, tenant, limit))
            names = [c[0] for c in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self._writer.run(rows)

    async def reconcile(self, call_id: str, row: Settled | None) -> str:
        """Replace a lost or unreconciled row, or refuse."""

        def apply(db: sqlite3.Connection) -> str:
            found = db.execute(sql.ONE_CALL, (call_id,)).fetchone()
            if found is None:
                known = [r[0] for r in db.execute(sql.OPEN_TO_RECONCILE).fetchall()]
                hint = nearest(call_id, known) if known else "no call is open to reconciliation."
                raise UsageError(f"There is no call {call_id!r} in the ledger; {hint}")
            state, mark = found
            if state != "lost" and mark != "unreconciled":
                raise UsageError(
                    f"The call {call_id} is {state}; only lost and unreconciled calls can be reconciled."
                )
            if row is None:
                db.execute(sql.UNSENT, (time.time_ns() // 1000, call_id))
                return "unsent"
            db.execute(sql.SETTLE, _settled(row))
            return "settled"

        return await self._writer.run(apply)

    async def flush(self) -> None:
        """Return once everything handed over before is committed, and a sign of life of this process with it.

        It writes, so that a disk which takes no more is noticed.
        """
        beat = (time.time_ns() // 1000, self.lease_id)
        await self._writer.run(lambda db: db.execute(sql.BEAT, beat).rowcount)

    async def close(self) -> None:
        """Flush, give up the lease, stop the writer and close the file."""
        if not self._writer.running:
            return
        try:
            await self._writer.do(sql.GIVE_UP_LEASE, (self.lease_id, self.lease_id))
        finally:
            self._close_reader()
            self._searcher.close()
            await self._writer.stop()


def _opened(row: Opened, lease_id: str) -> tuple[Any, ...]:
    return (
        row.id,
        row.run_id,
        row.tenant,
        row.phase,
        lease_id,
        row.question_id,
        row.role,
        row.model,
        row.sample,
        row.n,
        row.bound_nusd,
        row.bound_input_tokens,
        row.bound_output_tokens,
        row.at_us,
        row.key_id,
    )


def _settled(row: Settled) -> tuple[Any, ...]:
    return (
        row.state,
        row.cost_nusd,
        row.paid_nusd,
        row.overrun_nusd,
        row.input_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.output_tokens,
        row.reasoning_tokens,
        row.mark,
        row.error,
        row.at_us,
        row.id,
    )
