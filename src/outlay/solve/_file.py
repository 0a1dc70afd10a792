"""The file of answers: one JSON line a question, written whole, held by one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay.errors import StoreError, UsageError


class Solved(Struct, frozen=True, omit_defaults=True):
    """One line of the answers.

    `p_leads`: the chance that the answer is the model's most frequent one of the two that lead, not that it is right.
    `share`: its share of the samples that state an answer. `cost_usd`: what its samples cost, None where unknown.
    """

    id: str
    answer: str | None
    text: str | None
    p_leads: float | None
    share: float | None
    samples: int
    cost_usd: float | None
    stopped: str
    missing: tuple[str, ...] = ()
    accepted: bool | None = None
    """Whether the verifier accepted the answer; None where none was named."""
    plan: str | None = None
    """What bought it; None where nothing did."""


def write(out: Path, answers: Iterable[Solved]) -> None:
    """Write all lines, or leave what was there.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in answers))
        partial.replace(out)
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written ({error.strerror}); what was bought is in the ledger: free some space and run "
            "the same command again."
        ) from None


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold the file of answers: two processes would each spend the whole budget.

    Raises:
        UsageError: another process holds it, or its folder cannot be written.
    """
    import fcntl

    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        handle = out.with_name(f".{out.name}.lock").open("w")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}.") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Another process solves into {out}; wait for it or choose another --out."
            ) from None
        yield
