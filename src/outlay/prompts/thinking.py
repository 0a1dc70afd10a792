"""Thinking apart from the answer: the tags around it, and the sentence that asks a plain model for it."""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.types import Message, Question

VERSION = "thinking/1"
OPEN, CLOSE = "<think>", "</think>"
"""The tags that reasoning models of the Qwen and DeepSeek families think between."""
OPENED, CLOSED = f"{OPEN}\n", f"\n{CLOSE}\n\n"
"""The tags with the line breaks that those models write around them."""
WAIT = "Wait"
"""What is put in the place of a suppressed end of thinking (Muennighoff et al. 2025, arXiv 2501.19393)."""

_TEXT = f"Think between {OPEN} and {CLOSE}; write what is asked for after {CLOSE}."


def ask_to_think(question: Question) -> Question:
    """The question with a sentence that asks for thinking between tags, at the end of its last user message.

    A question without a user message is left as it is. The sentence is ours.

    Example:
        >>> ask_to_think(Question.of("17 * 23?")).messages[-1]["content"].splitlines()[-1]
        'Think between <think> and </think>; write what is asked for after </think>.'
    """
    places = [i for i, message in enumerate(question.messages) if message.get("role") == "user"]
    if not places:
        return question
    messages = list(question.messages)
    messages[places[-1]] = _with(messages[places[-1]], _TEXT)
    return msgspec.structs.replace(question, messages=tuple(messages))


def without_tags(text: str) -> str:
    r"""Thinking without an opening tag before it and without blank ends.

    Example:
        >>> without_tags("<think>\nsix times seven\n")
        'six times seven'
    """
    return text.strip().removeprefix(OPEN).strip()


def _with(message: Message, text: str) -> Message:
    content: Any = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": text}]}
    return {**message, "content": f"{content}\n\n{text}" if content else text}
