"""What local models cost on this machine: measured once, written down, and frozen from then on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay import config
from outlay.errors import UsageError
from outlay.models.file_lock import locked
from outlay.money import Price


class Page(Struct, frozen=True):
    """One frozen price: of a model file, at a number of slots, on a number of cores."""

    sha256: str
    slots: int
    cores: int
    price: Price


class _Book(Struct):
    version: int = 1
    local: list[Page] = []


def book_path() -> Path:
    """Where the price book is: `prices.json` in outlay's home. A page deleted there is measured again."""
    return config.home() / "prices.json"


def find(sha256: str, slots: int, cores: int) -> Price | None:
    """The frozen price, or None where it was never measured.

    Raises:
        UsageError: the price book is damaged.
    """
    wanted = (sha256, slots, cores)
    return next((p.price for p in _read().local if (p.sha256, p.slots, p.cores) == wanted), None)


def freeze(sha256: str, slots: int, cores: int, price: Price) -> Price:
    """Writes a price down and returns the one that holds: the first that was written for these settings.

    Raises:
        UsageError: the price book is damaged.
        OSError: it cannot be written.
    """
    path = book_path()
    with locked(path.with_name(".prices.lock")):
        if frozen := find(sha256, slots, cores):
            return frozen
        book = _read()
        book.local.append(Page(sha256, slots, cores, price))
        draft = path.with_name(f".prices-{os.getpid()}.json")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n")
        draft.replace(path)
    return price


def _read() -> _Book:
    path = book_path()
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Book)
    except FileNotFoundError:
        return _Book()
    except msgspec.DecodeError as error:
        raise UsageError(f"The price book {path} is damaged ({error}); correct it, or delete it.") from None
