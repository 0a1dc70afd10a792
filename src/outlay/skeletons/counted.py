"""A number with its noun, as sentences of answers say it."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """`n` of a noun whose plural ends in s.

    Example:
        >>> counted(1, "step"), counted(0, "step"), counted(1200, "token")
        ('1 step', '0 steps', '1200 tokens')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
