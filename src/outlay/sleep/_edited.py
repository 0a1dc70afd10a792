"""Notes as a person wrote them."""

from __future__ import annotations

import msgspec

from outlay.errors import UsageError
from outlay.prompts import notes as prompts
from outlay.sleep._worth import Record
from outlay.store.contexts import Notes

BY_HAND = "by hand"
"""The model of notes that nobody made before."""


def edited(record: Record, text: str, now_us: int) -> Notes:
    """The notes of a context with a person's text, marked where it reads like an instruction; used from now on.

    What the model's notes cost stays with them.

    Args:
        record: the context's.
        text: the new notes.
        now_us: the time, in microseconds since 1970.

    Raises:
        UsageError: the text is empty or longer than 5,000 characters.
    """
    if not text.strip() or len(text) > prompts.MEMORY_CHARS:
        raise UsageError(f"Notes are 1 to {prompts.MEMORY_CHARS:,} characters, not {len(text.strip()):,}.")
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise UsageError("The notes are not text: they hold bytes that no text has.")
    context = record.context
    old = record.notes[0] if record.notes else Notes(context.tenant, context.id, prompts.VERSION, BY_HAND, "")
    return msgspec.structs.replace(
        old, text=text, author="person", mark=prompts.orders(text), at_us=now_us, dropped=""
    )
