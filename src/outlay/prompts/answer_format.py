"""The instruction that makes a reply end in an answer of its kind.

The texts are short, so that half-billion models follow them. Change a text, and raise `VERSION`: it goes into
traces and cache keys of what was asked.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.types import Message, Question

VERSION = "answer_format/1"
"""Names these texts in traces."""

LABEL = "Answer:"
"""What the line that states an answer begins with."""
FIXED_BY = frozenset({"tools", "functions", "response_format"})
"""Fields of a request that fix the format of its reply."""

TEXTS = {
    "number": "Think step by step, briefly. Then end with one line: Answer: followed by the number alone.",
    "math": "Think step by step, briefly. Then end with one line: Answer: followed by the expression in LaTeX.",
    "choice": "Think step by step, briefly. Then end with one line: Answer: followed by the letter alone.",
    "json": "Reply with the JSON value alone.",
    "code": "Reply with one Python code block and nothing else.",
    "text": "End with one line: Answer: followed by the answer alone.",
}
"""The instruction of each answer kind that has one; tool calls need none."""
_STEPS = "Think step by step, briefly. Then end"
ANSWER_ALONE = {kind: text.replace(_STEPS, "End") for kind, text in TEXTS.items()}
"""The same without the demand for steps: a framing that says itself how much to write ends with one of these."""


def instruct(question: Question) -> Question:
    r"""The question with its kind's instruction at the end of the last user message.

    Untouched: a question without an answer kind, of a kind without a text, without a user message, whose format the
    request already fixes (`tools`, `response_format`), or that already ends with an instruction of its kind. A content
    list gets one more text part.

    Args:
        question: any question.

    Returns:
        The same question, or one with a longer last user message; everything else is kept.

    Example:
        >>> instruct(Question.of("17 * 23?", kind="json")).messages[-1]["content"]
        '17 * 23?\n\nReply with the JSON value alone.'
    """
    text = TEXTS.get(question.kind or "")
    if text is None or not FIXED_BY.isdisjoint(question.sampling.extra):
        return question
    places = [i for i, message in enumerate(question.messages) if message.get("role") == "user"]
    if not places:
        return question
    last = places[-1]
    messages = list(question.messages)
    if _says(messages[last], (text, ANSWER_ALONE[question.kind or ""])):
        return question
    messages[last] = _with(messages[last], text)
    return msgspec.structs.replace(question, messages=tuple(messages))


def beginning(question: Question) -> str:
    """The beginning of the line that states a question's answer; empty where its whole reply is the answer.

    Example:
        >>> beginning(Question.of("17 * 23?", kind="number")), beginning(Question.of("17 * 23?", kind="json"))
        ('Answer:', '')
    """
    fixed = not FIXED_BY.isdisjoint(question.sampling.extra)
    return "" if fixed or LABEL not in TEXTS.get(question.kind or "", "") else LABEL


def bare(question: Question) -> Question:
    """The question without its kind's instruction at the end of its last user message: `instruct` undone.

    Example:
        >>> asked = Question.of("17 * 23?", kind="number")
        >>> bare(instruct(asked)) == asked
        True
    """
    text = TEXTS.get(question.kind or "")
    places = [i for i, message in enumerate(question.messages) if message.get("role") == "user"]
    if text is None or not places or not _says(question.messages[places[-1]], (text,)):
        return question
    messages = list(question.messages)
    last = messages[places[-1]]
    content: Any = last["content"]
    if isinstance(content, list):
        kept = content[-1]["text"].removesuffix(text).rstrip("\n")
        pieces = [{**content[-1], "text": kept}] if kept else []
        messages[places[-1]] = {**last, "content": [*content[:-1], *pieces]}
    else:
        messages[places[-1]] = {**last, "content": content.removesuffix(text).removesuffix("\n\n")}
    return msgspec.structs.replace(question, messages=tuple(messages))


def _says(message: Message, texts: tuple[str, ...]) -> bool:
    content: Any = message.get("content")
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        content = content[-1].get("text")
    return isinstance(content, str) and content.endswith(texts)


def _with(message: Message, text: str) -> Message:
    content: Any = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": text}]}
    return {**message, "content": f"{content}\n\n{text}" if content else text}
