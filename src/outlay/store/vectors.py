"""Exact nearest-neighbour search: vectors in the store, a float32 matrix of each space in memory.

Growth is bounded: a space that exceeds its most loses its oldest tenth at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.errors import UsageError

_OF = "tenant = ? AND space = ?"
_SPACE = f"SELECT last_seq, kept, deletions FROM vector_spaces WHERE {_OF}"
_NEW_SPACE = (
    "INSERT INTO vector_spaces (tenant, space, last_seq, kept, deletions) VALUES (?, ?, 0, 0, 0) "
    "ON CONFLICT (tenant, space) DO NOTHING"
)
_ADD = (
    "INSERT INTO vectors (tenant, space, seq, id, source, vector) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, space, id) DO NOTHING"
)
_GROWN = f"UPDATE vector_spaces SET last_seq = ?, kept = kept + ? WHERE {_OF}"
_SHRUNK = f"UPDATE vector_spaces SET kept = kept - ?, deletions = deletions + 1 WHERE {_OF}"
_SINCE = f"SELECT seq, id, source, vector FROM vectors WHERE {_OF} AND seq > ? ORDER BY seq"
_OLDEST = f"SELECT id FROM vectors WHERE {_OF} ORDER BY seq LIMIT ?"
_DELETE = f"DELETE FROM vectors WHERE {_OF} AND id = ?"


class Entry(Struct, frozen=True):
    """One vector to keep: float32, little-endian."""

    id: str
    source: str
    vector: bytes


def add(db: sqlite3.Connection, tenant: str, space: str, entries: Sequence[Entry], most: int) -> list[str]:
    """Keep vectors whose ids are new; returns the ids that had to go: the oldest tenth beyond `most`."""
    db.execute(_NEW_SPACE, (tenant, space))
    seq, kept, _ = db.execute(_SPACE, (tenant, space)).fetchone()
    new = 0
    for entry in entries:
        values = (tenant, space, seq + new + 1, entry.id, entry.source, entry.vector)
        new += db.execute(_ADD, values).rowcount
    db.execute(_GROWN, (seq + new, new, tenant, space))
    if kept + new <= most:
        return []
    gone = [r[0] for r in db.execute(_OLDEST, (tenant, space, kept + new - most + most // 10))]
    remove(db, tenant, space, gone)
    return gone


def remove(db: sqlite3.Connection, tenant: str, space: str, ids: Sequence[str]) -> int:
    """Delete vectors by id; returns how many there were."""
    gone = sum(db.execute(_DELETE, (tenant, space, id)).rowcount for id in ids)
    if gone:
        db.execute(_SHRUNK, (gone, tenant, space))
    return gone


class Index:
    """A copy of one space in memory, brought up to date before each search.

    What was added since is read; after a deletion everything is. 100,000 vectors of 384 dimensions take 154 MB.
    """

    def __init__(self, tenant: str, space: str):
        self._of = (tenant, space)
        self._forget(0)

    @property
    def nbytes(self) -> int:
        """Bytes of the matrix."""
        return self._matrix_ND.nbytes

    def refresh(self, db: sqlite3.Connection) -> None:
        """Read what changed since the last time.

        Raises:
            UsageError: vectors of different lengths share the space.
        """
        found = db.execute(_SPACE, self._of).fetchone()
        if found is None:
            self._forget(0)
            return
        last_seq, _, deletions = found
        if deletions != self._deletions:
            self._forget(deletions)
        if last_seq > self._last_seq:
            self.append(db.execute(_SINCE, (*self._of, self._last_seq)).fetchall())

    def append(self, rows: Sequence[tuple[int, str, str, bytes]]) -> None:
        """Take over (seq, id, source, vector) rows, in order of seq.

        Raises:
            UsageError: a vector of another length than those before.
        """
        if not rows:
            return
        if len({len(r[3]) for r in rows}) > 1 or (
            self._ids and len(rows[0][3]) != 4 * self._matrix_ND.shape[1]
        ):
            raise UsageError(f"The vectors of {self._of[1]} differ in length; delete its demonstrations.")
        more_ND = np.frombuffer(b"".join(r[3] for r in rows), "<f4").reshape(len(rows), -1)
        n = len(self._ids)
        if n + len(rows) > len(self._matrix_ND):
            grown_ND = np.empty((max(n + len(rows), 2 * n), more_ND.shape[1]), np.float32)
            if n:
                grown_ND[:n] = self._matrix_ND[:n]
            self._matrix_ND = grown_ND
        self._matrix_ND[n : n + len(rows)] = more_ND
        self._ids += [r[1] for r in rows]
        self._sources += [r[2] for r in rows]
        self._last_seq = rows[-1][0]

    def nearest(self, query_D: NDArray[np.float32], k: int, *, but: str = "") -> list[tuple[str, float]]:
        """The k ids with the highest inner product, at most one a source, ties to the older.

        Args:
            query_D: of the vectors' length.
            k: how many, from 1.
            but: a source that is left out.

        Returns:
            (id, inner product), the highest first; fewer than k where there are fewer sources.

        Raises:
            UsageError: a query of another length, or not finite.
        """
        if not self._ids:
            return []
        if query_D.shape != (self._matrix_ND.shape[1],) or not np.isfinite(query_D).all():
            raise UsageError("The query has another length than the vectors of its space, or is not finite.")
        score_N = self._matrix_ND[: len(self._ids)] @ query_D
        reach = min(4 * k, len(score_N))
        while True:
            found = self._distinct(score_N, reach, but)
            if len(found) >= k or reach == len(score_N):
                return found[:k]
            reach = min(4 * reach, len(score_N))

    def _distinct(self, score_N: NDArray[np.float32], reach: int, but: str) -> list[tuple[str, float]]:
        """The best of each source among the `reach` best."""
        least = np.partition(score_N, -reach)[-reach]
        near = np.flatnonzero(score_N >= least)
        seen, found = {but}, []
        for i in near[np.lexsort((near, -score_N[near]))]:
            if self._sources[i] not in seen:
                seen.add(self._sources[i])
                found.append((self._ids[i], float(score_N[i])))
        return found

    def _forget(self, deletions: int) -> None:
        self._deletions, self._last_seq = deletions, 0
        self._ids: list[str] = []
        self._sources: list[str] = []
        self._matrix_ND = np.empty((0, 0), np.float32)
