"""The sentence that asks a model for its best answer where its thinking was ended for it."""

from __future__ import annotations

from outlay.types import Message

VERSION = "answer-now/1"

_TEXT = (
    "Your thinking was ended here. Do not think any further. Give your best answer to the question above now, in at "
    "most {tokens} tokens and in the form that was asked for."
)

TOKENS = len(_TEXT.encode()) + 64
"""The most tokens that the sentence, its number and the two turns add."""


def answer_now(messages: tuple[Message, ...], thinking: str, tokens: int) -> tuple[Message, ...]:
    """The chat with the thinking so far as the assistant's turn and the request for an answer after it.

    For models that do not continue a given text. The sentence is ours.

    Args:
        messages: the chat as it was asked.
        thinking: what was thought so far, without tags.
        tokens: the bound of the answer.

    Example:
        >>> [m["role"] for m in answer_now(({"role": "user", "content": "6 * 7?"},), "six sevens", 64)]
        ['user', 'assistant', 'user']
    """
    asked = {"role": "user", "content": _TEXT.format(tokens=tokens)}
    return (*messages, {"role": "assistant", "content": thinking}, asked)
