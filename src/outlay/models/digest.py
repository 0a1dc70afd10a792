"""The SHA-256 of a model file, remembered for as long as the file does not change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from outlay import config


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits.

    Half a gigabyte takes about a second, so the result is kept in `digests.json` of outlay's home under the
    file's path, size and time of change. That is a memory, not a proof: downloads are always read in full.
    """
    stat = path.stat()
    mark = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    book = config.home() / "digests.json"
    known = _read(book)
    if mark not in known:
        known = {k: v for k, v in known.items() if not k.startswith(f"{path.resolve()}|")} | {mark: read(path)}
        _write(book, known)
    return known[mark]


def read(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, from its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(book: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(book.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _write(book: Path, known: dict[str, str]) -> None:
    draft = book.with_name(f".digests-{os.getpid()}.json")
    try:
        book.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.encode(known))
        draft.replace(book)
    except OSError:
        # A home that cannot be written to costs the time of reading the file again, nothing else.
        draft.unlink(missing_ok=True)
