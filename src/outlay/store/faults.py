"""What went wrong with the ledger's file, in one sentence that says what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outlay.errors import StoreError


def sentence(path: Path | str, error: Exception) -> StoreError:
    """The `StoreError` for what SQLite or the system said about the file."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreError(f"The ledger {path} is locked by another process; close that process and try again.")
    if "malformed" in text or "not a database" in text:
        return StoreError(
            f"The ledger {path} is corrupt ({text}); move it away (nothing is overwritten) and try again."
        )
    if "full" in text or "No space" in text:
        return StoreError(
            f"The disk of the ledger {path} is full; free some space and run the same command again."
        )
    if "disk I/O" in text:
        return StoreError(
            f"The disk of the ledger {path} is full or failing; free some space and run the same command again."
        )
    return StoreError(f"The ledger {path} cannot be used: {text}; check the path and its permissions.")


@contextmanager
def plainly(path: Path | str) -> Iterator[None]:
    """Turns whatever the file does wrong inside into a `StoreError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise sentence(path, error) from None
