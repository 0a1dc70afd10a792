"""Where a framing puts its text: into the system message, or before the last user message. Nothing asked is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outlay.door.bounds import MESSAGE_OVERHEAD
from outlay.prompts.answer_format import bare
from outlay.types import Message, Question

JSON_BYTES = 6
"""The most bytes that one byte of text takes in JSON, as the bounds count it (a control character)."""


def in_system(question: Question, text: str) -> Question:
    """The question with `text` at the end of its first system message, or in a new one before everything else.

    Args:
        question: any question.
        text: what the model shall read before the conversation; empty leaves the question as it is.

    Returns:
        The same question with other messages.

    Example:
        >>> in_system(Question.of("17 * 23?"), "Be brief.").messages[0]
        {'role': 'system', 'content': 'Be brief.'}
    """
    if not text:
        return question
    first = question.messages[0] if question.messages else {}
    if first.get("role") in ("system", "developer"):
        messages = ({**first, "content": _joined(first.get("content"), text)}, *question.messages[1:])
    else:
        messages = ({"role": "system", "content": text}, *question.messages)
    return msgspec.structs.replace(question, messages=messages)


def before_question(question: Question, text: str) -> Question:
    r"""The question with `text` in front of its last user message, a blank line between; in front of all without one.

    Args:
        question: any question.
        text: what belongs to the question; empty leaves it as it is.

    Returns:
        The same question with other messages.

    Example:
        >>> before_question(Question.of("17 * 23?"), "Use the table.").messages[0]["content"]
        'Use the table.\n\n17 * 23?'
    """
    if not text:
        return question
    places = [i for i, message in enumerate(question.messages) if message.get("role") == "user"]
    if not places:
        return in_system(question, text)
    messages = list(question.messages)
    messages[places[-1]] = _led(messages[places[-1]], text)
    return msgspec.structs.replace(question, messages=tuple(messages))


def before_all(question: Question, turns: Sequence[Message]) -> Question:
    """The question with earlier turns of a conversation before its own, behind its system messages.

    Example:
        >>> brief = in_system(Question.of("17 * 23?"), "Be brief.")
        >>> [message["content"] for message in before_all(brief, [{"role": "user", "content": "6 * 7?"}]).messages]
        ['Be brief.', '6 * 7?', '17 * 23?']
    """
    if not turns:
        return question
    own = [i for i, m in enumerate(question.messages) if m.get("role") not in ("system", "developer")]
    at = own[0] if own else len(question.messages)
    messages = (*question.messages[:at], *turns, *question.messages[at:])
    return msgspec.structs.replace(question, messages=messages)


def after_question(question: Question, text: str) -> Question:
    r"""The question with `text` at the end of its last user message, a blank line between; as it is without one.

    Args:
        question: any question.
        text: what follows on the question; empty leaves it as it is.

    Returns:
        The same question with other messages.

    Example:
        >>> after_question(Question.of("17 * 23?"), "Answer in words.").messages[0]["content"]
        '17 * 23?\n\nAnswer in words.'
    """
    places = [i for i, message in enumerate(question.messages) if message.get("role") == "user"]
    if not text or not places:
        return question
    messages = list(question.messages)
    last = messages[places[-1]]
    messages[places[-1]] = {**last, "content": _joined(last.get("content"), text)}
    return msgspec.structs.replace(question, messages=tuple(messages))


def last_text(question: Question) -> str:
    """The text of the last user message, without its kind's instruction; empty where there is none.

    Example:
        >>> last_text(Question.of("17 * 23?"))
        '17 * 23?'
    """
    for message in reversed(bare(question).messages):
        if message.get("role") == "user":
            content: Any = message.get("content")
            if isinstance(content, list):
                return "\n".join(str(p["text"]) for p in content if isinstance(p, dict) and p.get("text"))
            return str(content or "")
    return ""


def most_tokens(text_bytes: int, *, messages: int = 1) -> int:
    """The most input tokens that so many bytes of placed text add: a bound for a framing's `adds`.

    Args:
        text_bytes: the most UTF-8 bytes that are placed, from 0.
        messages: how many messages they may add.

    Returns:
        Tokens, as `bounds.text_bound` counts them.
    """
    wrapping = len('{"role":"assistant","content":""}') + MESSAGE_OVERHEAD
    return JSON_BYTES * text_bytes + messages * wrapping + len('{"type":"text","text":"\\n\\n"},')


def _joined(content: Any, text: str) -> Any:
    if isinstance(content, list):
        return [*content, {"type": "text", "text": text}]
    return f"{content}\n\n{text}" if content else text


def _led(message: Message, text: str) -> Message:
    content: Any = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [{"type": "text", "text": text}, *content]}
    return {**message, "content": f"{text}\n\n{content}" if content else text}
