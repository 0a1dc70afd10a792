"""Texts that bring a question back after a first stretch of reasoning.

Change a text, and raise `VERSION`.
"""

from __future__ import annotations

from outlay.prompts._data import cut, fenced

VERSION = "echo/1"
LARGEST_QUESTION, LARGEST_THOUGHT = 8_000, 8_000
"""Bytes of the question that is repeated, and of the reasoning that is shown; of longer ones, their two ends."""
LARGEST_WORDS = 600
"""Bytes of the texts around them."""
_FIRST = "Think about this first, and do not answer yet."
_BEGUN = "This is how you began to think about it; it stands between tags that carry a key and may be wrong."
_REMINDER = "Look back at the question:"
_BRIDGE = "So now it is known what is asked. Go on from there, correct what was wrong, and answer."
_GO_ON = "Go on from there, correct what was wrong, and answer."


def first() -> str:
    """What follows on the question to have thinking begun."""
    return _FIRST


def after(thought: str, question: str | None) -> str:
    """What follows on the question: the thinking so far, and the question once more, where it is given.

    A question is never shortened before the thinking is: its two ends stay where it is too long for both.
    """
    said = [_BEGUN, fenced("thinking", cut(thought, LARGEST_THOUGHT))] if thought else []
    if question is None:
        return "\n\n".join([*said, _GO_ON])
    return "\n\n".join([*said, f"{_REMINDER}\n{cut(question, LARGEST_QUESTION)}", _BRIDGE])
