"""A file of findings in outlay's home: a JSON list, one entry a place, read whole and replaced whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from outlay.errors import StoreError, UsageError

Entry = TypeVar("Entry", bound=msgspec.Struct)


def read_findings(where: Path, kind: type[Entry], what: str) -> list[Entry]:
    """Every entry of the file; none where there is no file. `what` says in words what it should hold.

    Raises:
        UsageError: the file is not what it should be.
    """
    try:
        return msgspec.json.decode(where.read_bytes(), type=list[kind])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{where} cannot be read as {what} ({error}); delete it and calibrate again."
        ) from None


def keep_finding(where: Path, new: Entry, what: str, place: Callable[[Entry], Any]) -> Path:
    """Write an entry instead of an older one of the same place; returns the file.

    Raises:
        UsageError: the file is not what it should be.
        StoreError: it cannot be written.
    """
    others = [entry for entry in read_findings(where, type(new), what) if place(entry) != place(new)]
    partial = where.with_suffix(f".{os.getpid()}.partial")
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.format(msgspec.json.encode([*others, new]), indent=1) + b"\n")
        partial.replace(where)
    except OSError as error:
        raise StoreError(
            f"{where} cannot be written ({error.strerror}); free some space and try again."
        ) from None
    return where
