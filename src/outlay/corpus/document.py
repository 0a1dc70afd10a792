"""What a corpus holds: documents to answer from, and solved examples of how that is done."""

from __future__ import annotations

from msgspec import Struct


class Document(Struct, frozen=True):
    """A passage with the name it is cited by."""

    id: str
    text: str


class Step(Struct, frozen=True):
    """A question on the way to an answer, and what was found."""

    question: str
    answer: str


class Example(Struct, frozen=True):
    """A solved question; `steps` are empty where it was answered at once."""

    question: str
    answer: str
    steps: tuple[Step, ...] = ()
