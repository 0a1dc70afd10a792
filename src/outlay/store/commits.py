"""One transaction of the ledger's writer: a group of operations, committed whole; what fails is told or owed."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from outlay.errors import StoreError
from outlay.store import statements as sql
from outlay.store.faults import sentence
from outlay.store.lease import STALE_US

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
Op = tuple["_Statements | Callable[[sqlite3.Connection], Any]", "asyncio.Future[Any] | None"]
"""Statements with their values, or work that decides what to write, committed whole or not at all, and who waits."""
Tell = Callable[..., Any]
"""Calls a function with its arguments on the event loop."""
KEPT_S = 300
"""How long the ledger's sums by the second are kept, in seconds: well beyond the minute that quotas look at."""
BUSY_MS = 10_000
"""How long another process may hold the file before we give up, in milliseconds."""
CHECKPOINT_PAGES = 1000
UNWRITABLE = (sqlite3.Error, OverflowError, UnicodeError)
"""What SQLite raises: of the file, of a number beyond 64 bits, and of text that is not Unicode."""


class Commits:
    """The writer's connection. One thread at a time uses it, whichever that is.

    A commit that fails is told to those who wait for it. What was handed over without waiting is owed: it is tried
    again before anything later, so that nothing settled is forgotten, and nothing later is written while it cannot be.
    """

    def __init__(self, path: str, db: sqlite3.Connection, lease_id: str):
        self.path, self.db, self._lease_id = path, db, lease_id
        self.owed: list[Op] = []
        self._beat_us = 0
        self.waits = db.execute("PRAGMA synchronous").fetchone()[0] > 1
        """Whether each commit waits for the disk."""

    def begun_at_once(self) -> bool:
        """Whether a transaction is begun now; not where that has to wait for another process."""
        self.db.execute("PRAGMA busy_timeout = 0")
        try:
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False
        finally:
            self.db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        return True

    def checkpoint_by_itself(self, by_itself: bool) -> None:
        """Whether a commit may also write the log back into the file, which waits for the disk."""
        self.db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES if by_itself else 0}")

    def commit(self, group: list[Op], tell: Tell, *, begun: bool = False) -> StoreError | None:
        """Commit what is owed and a group; where that fails, refuse those who wait, and owe the rest.

        Args:
            group: the operations.
            tell: how those who wait are told.
            begun: the transaction was begun.
        """
        group = [*self.owed, *group]
        if not group:
            return None
        waiting = [future for _, future in group if future is not None]
        try:
            results = self._transact(group, begun=begun)
        except UNWRITABLE as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            failure = sentence(self.path, error)
            self.owed = [op for op in group if op[1] is None]
            tell(refuse, waiting, failure)
            return failure
        self.owed = []
        if waiting:
            tell(_resolve_all, waiting, results)
        return None

    def _transact(self, group: list[Op], *, begun: bool) -> list[tuple[asyncio.Future[Any], Any]]:
        """One transaction; returns what its works have to tell."""
        results: list[tuple[asyncio.Future[Any], Any]] = []
        batch: list[_Statements] = []
        if not begun:
            self.db.execute("BEGIN IMMEDIATE")
        for work, future in group:
            if not callable(work):
                batch.append(work)
                continue
            # What was handed over earlier may free what this work asks for.
            self._execute(batch)
            batch = []
            if (result := work(self.db)) is not None and future is not None:
                results.append((future, result))
        self._execute(batch)
        self._beat()
        self.db.execute("COMMIT")
        return results

    def _execute(self, batch: list[_Statements]) -> None:
        rows: dict[str, list[Sequence[Any]]] = {statement: [] for statement in _ORDER} if batch else {}
        for statements in batch:
            for statement, values in statements:
                rows[statement].append(values)
        for statement, several in rows.items():
            if several:
                self.db.executemany(statement, several)

    def _beat(self) -> None:
        now = time.time_ns() // 1000
        if now - self._beat_us > STALE_US // 4:
            self._beat_us = now
            self.db.execute(sql.BEAT, (now, self._lease_id))
            self.db.execute(sql.FORGET_SECONDS, (now // 1_000_000 - KEPT_S,))


def _resolve_all(waiting: list[asyncio.Future[Any]], results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        resolve([future], result)
    resolve(waiting, None)


def resolve(futures: list[asyncio.Future[Any]], result: Any) -> None:
    """Give those who still wait the result."""
    for future in futures:
        if not future.done():
            future.set_result(result)


def refuse(futures: list[asyncio.Future[Any]], error: Exception) -> None:
    """Give those who still wait the error."""
    for future in futures:
        if not future.done():
            future.set_exception(error)
