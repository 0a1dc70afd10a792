"""A sentence at the end of a question that makes small models show their steps."""

from __future__ import annotations

import msgspec

from outlay.types import Message, Question

STEPS = "Work in steps, one operation a line, such as 12 + 30 = 42."


def hinted(question: Question, hint: str = STEPS) -> Question:
    """The question with a hint on a line of its own at the end of its last message; without one as it is."""
    if not hint:
        return question
    *before, last = question.messages
    said: Message = {**last, "content": f"{last['content']}\n{hint}"}
    return msgspec.structs.replace(question, messages=(*before, said))
