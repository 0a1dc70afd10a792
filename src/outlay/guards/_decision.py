"""What a guard decides: to let a request or a stream go on, or to end it, and why."""

from __future__ import annotations

from msgspec import Struct


class Asked(Struct, frozen=True):
    """What an admission guard sees of a request: its size, never its text."""

    calls: int = 1
    """Calls that it can take, choices counted each."""
    output_tokens: int | None = None
    """The output bound of one sample; None: the request states none."""


class Decision(Struct, frozen=True, omit_defaults=True):
    """`go`, or not, and then why in one sentence."""

    go: bool = True
    why: str = ""


GO = Decision()
