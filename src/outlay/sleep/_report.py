"""What a job of offline work ends with."""

from __future__ import annotations

from msgspec import Struct

from outlay.store.contexts import Notes


class Report(Struct, frozen=True):
    """What came of a job: notes to keep with the end of the job, or none, and why it ended.

    `unfinished`: it gave way to somebody who waits; the job is handed back, and what it paid is in the call cache.
    """

    why: str
    notes: Notes | None = None
    unfinished: bool = False


def nobody_waits() -> bool:
    """False: whether somebody waits for what an offline job uses, where nobody else uses it."""
    return False
