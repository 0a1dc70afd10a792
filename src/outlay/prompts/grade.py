"""The question for a grade of the last step of a chain, as a turn after that chain: one digit from 0 to 9.

It follows the chain that the model was given anyway, so a server with a prefix cache reads only this turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from outlay.types import Message

VERSION = "grade/1"
TOP = 9
"""The highest grade; the lowest is 0."""
BEGUN = "I think the quality score is: "
"""What the reply begins with, so that its very next token is the digit."""

_TEXT = """Is the last step above factually and logically right, whatever its style? Grade it with one digit from \
0 (surely wrong) to 9 (surely right)."""


def messages(question: Sequence[Message], chain: str) -> tuple[Message, ...]:
    """The chat that asks for a grade of the last step of `chain`.

    Source: after Pan et al. 2025 (arXiv 2504.07891), whose prompt asks the same of thinking models; the words are ours.
    """
    return (*question, {"role": "assistant", "content": chain.rstrip()}, {"role": "user", "content": _TEXT})
