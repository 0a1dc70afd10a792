"""Demonstrations and their vectors over SQLite. Searches run in a thread and share one copy of each space."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from outlay.store import demonstrations
from outlay.store.faults import plainly
from outlay.store.vectors import Index
from outlay.store.writer import Writer

T = TypeVar("T")
HELD_BYTES, HELD_SPACES = 1 << 30, 1024
"""The most that copies of spaces take together; the one searched longest ago goes first, the newest always stays."""


class Searcher:
    """Reads of what is committed, away from the event loop and the writer, with the copies of spaces they share.

    A database in memory has but one connection, so there the writer's thread searches.
    """

    def __init__(self, path: str, writer: Writer):
        self._path, self._writer = path, writer
        self._db: sqlite3.Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._spaces: OrderedDict[tuple[str, str], Index] = OrderedDict()

    async def run(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """What `look` reads."""
        if self._path == ":memory:":
            return await self._writer.run(look)
        return await asyncio.to_thread(self._looked, look)

    def index(self, db: sqlite3.Connection, tenant: str, space: str) -> Index:
        """The up-to-date copy of a space."""
        index = self._spaces.pop((tenant, space), None) or Index(tenant, space)
        self._spaces[tenant, space] = index
        index.refresh(db)
        while len(self._spaces) > 1 and self._too_much():
            self._spaces.popitem(last=False)
        return index

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _too_much(self) -> bool:
        return len(self._spaces) > HELD_SPACES or sum(i.nbytes for i in self._spaces.values()) > HELD_BYTES

    def _looked(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with self._one_at_a_time, plainly(self._path):
            if self._db is None:
                self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                self._db.execute("PRAGMA query_only=ON")
            return look(self._db)


class SqliteMemory:
    """The verbs of `Memory` beside the ledger's; a part of `Sqlite`."""

    _writer: Writer
    _searcher: Searcher

    async def nearest(
        self, tenant: str, space: str, query: bytes, k: int, *, but: str = "", window: int = 0
    ) -> list[list[dict[str, Any]]]:
        """The k nearest demonstrations, at most one a source, each with the steps around it."""
        query_D = np.frombuffer(query, "<f4").astype(np.float32)

        def look(db: sqlite3.Connection) -> list[list[dict[str, Any]]]:
            hits = self._searcher.index(db, tenant, space).nearest(query_D, k, but=but)
            return demonstrations.with_windows(db, tenant, space, hits, window)

        return await self._searcher.run(look)

    async def demonstrations(self, tenant: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """The newest demonstrations of a tenant."""
        return await self._searcher.run(lambda db: demonstrations.listed(db, tenant, limit))

    async def solutions(self, tenant: str, source: str) -> list[tuple[str, str, str]]:
        """(space, id, action) of what single answers to one question left behind; episodes are left out."""
        return await self._searcher.run(lambda db: demonstrations.solutions(db, tenant, source))

    async def forget_demonstrations(self, tenant: str, *, source: str | None = None) -> int:
        """Delete a tenant's demonstrations, or those of one source; returns how many."""
        return await self._writer.run(lambda db: demonstrations.forget(db, tenant, source))

    async def cascade_steps(
        self, tenant: str, stream: str, *, limit: int, audited: bool = False
    ) -> list[tuple[str, int | None, int | None]]:
        """The newest steps, or audits, of a stream, the oldest of them first."""
        return await self._searcher.run(lambda db: demonstrations.steps(db, tenant, stream, limit, audited))
