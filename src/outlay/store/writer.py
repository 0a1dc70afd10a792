"""The one thread that writes to the ledger, committing what waits in groups.

Callers hand over operations; those of one step of the event loop wake the writer once, and it drains what is waiting
into one transaction, so sixty-four callers share one commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from outlay.errors import StoreError, UsageError
from outlay.store import statements as sql
from outlay.store.faults import sentence
from outlay.store.lease import STALE_US

GROUP = 512
"""About the most operations in one commit."""

_ORDER = (
    sql.OPEN_RUN,
    sql.WRITE_AHEAD,
    sql.RECORD_CACHED,
    sql.SETTLE,
    sql.CACHE,
    sql.SAVE_ANSWER,
    sql.END_REPLY,
    sql.RELEASE_REPLY,
    sql.GIVE_UP_LEASE,
)
"""Statements of one commit run in this order, each kind in one batch: a row is written ahead before it is settled."""

_Statements = Sequence[tuple[str, Sequence[Any]]]
_Op = tuple["_Statements | Callable[[sqlite3.Connection], Any]", "asyncio.Future[Any] | None"]
"""Statements with their values, or work that decides what to write, committed whole or not at all, and who waits."""
KEPT_S = 300
"""How long the ledger's sums by the second are kept, in seconds: well beyond the minute that quotas look at."""
_END = object()
_UNWRITABLE = (sqlite3.Error, OverflowError, UnicodeError)
"""What SQLite raises: of the file, of a number beyond 64 bits, and of text that is not Unicode."""


class Writer:
    """A thread with a database connection of its own; used from one event loop.

    A commit that fails is told to those who wait for it. What was handed over without waiting is owed: it is tried
    again before anything later, so that nothing settled is forgotten, and nothing later is written while it cannot be.
    """

    def __init__(self, path: str, db: sqlite3.Connection, lease_id: str):
        self._path, self._db, self._lease_id = path, db, lease_id
        self._ops: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._step: list[Any] = []
        """What was handed over in this step of the event loop."""
        self._owed: list[_Op] = []
        self._beat_us = 0
        self._thread = threading.Thread(target=self._write, name="outlay-ledger", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it was not stopped yet."""
        return self._thread.is_alive()

    def hand_over(self, *statements: tuple[str, Sequence[Any]]) -> None:
        """Have statements with their values committed together, soon and in order."""
        self._give((statements, None))

    async def do(self, statement: str, values: Sequence[Any]) -> None:
        """Return once the statement is committed.

        Raises:
            StoreError: this commit failed, or what was handed over before it cannot be committed.
        """
        future = self._loop.create_future()
        self._give((((statement, values),), future))
        await future

    async def within(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `work` returns on the connection, in one commit with others, after everything handed over before it.

        `work` returns a refusal and does not raise it: what fails here fails for everybody in the commit.

        Raises:
            StoreError: this commit failed, or what was handed over before it cannot be committed.
        """
        future = self._loop.create_future()
        self._give((work, future))
        return await future

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `work` returns on the connection, in its own transaction, after everything handed over before it.

        Raises:
            StoreError: this transaction failed, or what was handed over before it cannot be committed.
            UsageError: `work` raised it; nothing was written.
        """
        future = self._loop.create_future()

        def alone(db: sqlite3.Connection, failure: StoreError | None) -> None:
            if failure is not None:
                self._loop.call_soon_threadsafe(_refuse, [future], failure)
                return
            try:
                db.execute("BEGIN IMMEDIATE")
                result = work(db)
                db.execute("COMMIT")
            except (*_UNWRITABLE, UsageError) as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                plain = error if isinstance(error, UsageError) else sentence(self._path, error)
                self._loop.call_soon_threadsafe(_refuse, [future], plain)
            else:
                self._loop.call_soon_threadsafe(_resolve, [future], result)

        self._give(alone)
        return await future

    async def stop(self) -> None:
        """Commit what is waiting, end the thread and close the connection."""
        self._give(_END)
        await asyncio.to_thread(self._thread.join)
        self._db.close()

    def _give(self, op: Any) -> None:
        """Hand over with everything else of this step of the loop: waking the thread costs more than an operation."""
        if not self._step:
            self._loop.call_soon(self._wake)
        self._step.append(op)

    def _wake(self) -> None:
        step, self._step = self._step, []
        self._ops.put(step)

    def _write(self) -> None:
        """The writer thread: take what waits, commit it as one group, wake those who waited for it."""
        while True:
            group: list[_Op] = []
            for op in self._taken():
                if isinstance(op, tuple):
                    group.append(op)
                    continue
                failure = self._commit(group)
                group = []
                if op is _END:
                    return
                op(self._db, failure)
            self._commit(group)

    def _taken(self) -> list[Any]:
        """Everything that waits, at least one operation and about as many as one commit may have."""
        taken: list[Any] = self._ops.get()
        with contextlib.suppress(queue.Empty):
            while len(taken) < GROUP:
                taken = taken + self._ops.get_nowait()
        return taken

    def _commit(self, group: list[_Op]) -> StoreError | None:
        """Commit what is owed and a group; where that fails, refuse those who wait, and owe the rest."""
        group = [*self._owed, *group]
        if not group:
            return None
        waiting = [future for _, future in group if future is not None]
        try:
            results = self._transact(group)
        except _UNWRITABLE as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            failure = sentence(self._path, error)
            self._owed = [op for op in group if op[1] is None]
            self._loop.call_soon_threadsafe(_refuse, waiting, failure)
            return failure
        self._owed = []
        if waiting:
            self._loop.call_soon_threadsafe(_resolve_all, waiting, results)
        return None

    def _transact(self, group: list[_Op]) -> list[tuple[asyncio.Future[Any], Any]]:
        """One transaction; returns what its works have to tell."""
        results: list[tuple[asyncio.Future[Any], Any]] = []
        batch: list[_Statements] = []
        self._db.execute("BEGIN IMMEDIATE")
        for work, future in group:
            if not callable(work):
                batch.append(work)
                continue
            # What was handed over earlier may free what this work asks for.
            self._execute(batch)
            batch = []
            if (result := work(self._db)) is not None and future is not None:
                results.append((future, result))
        self._execute(batch)
        self._beat()
        self._db.execute("COMMIT")
        return results

    def _execute(self, batch: list[_Statements]) -> None:
        rows: dict[str, list[Sequence[Any]]] = {statement: [] for statement in _ORDER} if batch else {}
        for statements in batch:
            for statement, values in statements:
                rows[statement].append(values)
        for statement, several in rows.items():
            if several:
                self._db.executemany(statement, several)

    def _beat(self) -> None:
        now = time.time_ns() // 1000
        if now - self._beat_us > STALE_US // 4:
            self._beat_us = now
            self._db.execute(sql.BEAT, (now, self._lease_id))
            self._db.execute(sql.FORGET_SECONDS, (now // 1_000_000 - KEPT_S,))


def _resolve_all(waiting: list[asyncio.Future[Any]], results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        _resolve([future], result)
    _resolve(waiting, None)


def _resolve(futures: list[asyncio.Future[Any]], result: Any) -> None:
    for future in futures:
        if not future.done():
            future.set_result(result)


def _refuse(futures: list[asyncio.Future[Any]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
