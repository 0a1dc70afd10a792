"""Numbered, forward-only migrations: each SQL file is applied once, in order, and must never change afterwards."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from pathlib import Path

from outlay.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database up to date under a write lock; two processes at once do not disturb each other.

    Raises:
        StoreError: an applied migration differs from this version's file, or the file is of a newer outlay.
    """
    files = sorted(FOLDER.glob("*.sql"))
    if _applied(db) == [(p.name, _digest(p)) for p in files]:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at_us BIGINT)"
        )
        applied = dict(_applied(db))
        _refuse_foreign(files, applied)
        for path in (p for p in files if p.name not in applied):
            for statement in path.read_text("utf-8").split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)", (path.name, _digest(path), time.time_ns() // 1000)
            )
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _applied(db: sqlite3.Connection) -> list[tuple[str, str]]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        return []
    return db.execute("SELECT name, sha256 FROM migrations ORDER BY name").fetchall()


def _refuse_foreign(files: list[Path], applied: dict[str, str]) -> None:
    known = {p.name: _digest(p) for p in files}
    for name, digest in applied.items():
        if known.get(name) != digest:
            raise StoreError(
                f"The ledger was written by another version of outlay (migration {name}); use that one."
            )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
