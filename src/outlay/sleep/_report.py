"""What a job of offline work ends with."""

from __future__ import annotations

from msgspec import Struct

from outlay.store.contexts import Notes


class Report(Struct, frozen=True):
    """What came of a job: notes to keep with the end of the job, or none, and why it ended."""

    why: str
    notes: Notes | None = None
