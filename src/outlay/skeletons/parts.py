"""The interchangeable parts of a question: where they stand, and the question with them in another order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from outlay.prompts.demonstrations import ASKED
from outlay.types import Message, Question

Which: TypeAlias = Literal["auto", "options", "documents", "examples", "dashes"]
"""What is reordered. `auto`: the options of a choice question, else documents, else examples, else dashes."""

LETTERS = "ABCDEFGHIJ"
_OPTION = re.compile(r"^[ \t]{0,8}\(?([A-J])[).:][ \t]{1,4}(\S.*)$", re.MULTILINE)
_OPENED = re.compile(r"<(document|example) ([0-9a-f]{16})>\n")
_MOST_OPEN = 50
"""Blocks without an end after which no more are looked for: texts are hostile, and each costs a pass."""
_DASHES = re.compile(r"^---[ \t]*$\n?", re.MULTILINE)


class Parts(Struct, frozen=True):
    """Parts in one text of a question, or turns of its conversation: `spans` are (start, end) in it, in order.

    `message` is the index of the message; `content` that of the piece of its content, None where that is one text.
    With `message` None the spans are of messages.
    """

    which: str
    message: int | None
    content: int | None
    spans: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self.spans)


def find(question: Question, which: Which) -> Parts | None:
    r"""The parts of a question that may stand in any order, two or more; None where there are none.

    - options: lines `A) …`, `B) …`, lettered without a gap, in the last user message;
    - documents, examples: the blocks that framings fence, and solved questions that they put before as turns;
    - dashes: what stands between lines of three dashes, three such lines or more.

    Args:
        question: any question.
        which: what to look for.

    Example:
        >>> find(Question.of("Who?\nA) Ann\nB) Bob", kind="choice"), "auto").spans
        ((8, 11), (15, 18))
    """
    kinds = ("options", "documents", "examples", "dashes") if which == "auto" else (which,)
    for kind in kinds:
        if kind == "options" and question.kind != "choice":
            continue
        if kind == "examples" and len(turns := tuple(_turns(question.messages))) > 1:
            return Parts(kind, None, None, turns)
        for message, content, text in reversed(list(_texts(question, users=kind == "options"))):
            spans = _spans(kind, text)
            if len(spans) > 1:
                return Parts(kind, message, content, spans)
            if kind == "options":
                break
    return None


def reordered(question: Question, parts: Parts, order: Sequence[int]) -> Question:
    r"""The question with part `order[i]` in place i; letters and everything between the parts stay.

    Args:
        question: that `parts` was found in.
        parts: of `find`.
        order: a permutation of range(parts.count).

    Example:
        >>> asked = Question.of("Who?\nA) Ann\nB) Bob", kind="choice")
        >>> reordered(asked, find(asked, "options"), (1, 0)).messages[0]["content"]
        'Who?\nA) Bob\nB) Ann'
    """
    if parts.message is None:
        return msgspec.structs.replace(question, messages=_in_order(question.messages, parts.spans, order))
    message = question.messages[parts.message]
    content: Any = message["content"]
    text = content if parts.content is None else content[parts.content]["text"]
    new = _in_order(text, parts.spans, order)
    if parts.content is not None:
        listed = list(content)
        listed[parts.content] = {**listed[parts.content], "text": new}
        changed: Message = {**message, "content": listed}
    else:
        changed = {**message, "content": new}
    messages = list(question.messages)
    messages[parts.message] = changed
    return msgspec.structs.replace(question, messages=tuple(messages))


def _in_order(whole: Any, spans: Sequence[tuple[int, int]], order: Sequence[int]) -> Any:
    """A text, or the messages of a conversation, with what stands in its spans in another order."""
    said, end = whole[:0], 0
    for (start, stop), source in zip(spans, order, strict=True):
        said += whole[end:start] + whole[slice(*spans[source])]
        end = stop
    return said + whole[end:]


def _turns(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Where solved questions stand that a framing put before a conversation: one turn asks, the next one solves."""
    for i, (asking, solving) in enumerate(pairwise(messages)):
        if (asking.get("role"), solving.get("role")) == ("user", "assistant"):
            text = asking.get("content")
            if isinstance(text, str) and text.startswith(f"{ASKED}\n<question "):
                yield i, i + 2


def _texts(question: Question, *, users: bool) -> Iterator[tuple[int, int | None, str]]:
    """The texts of the messages with their places; of `users`, the last message of theirs alone."""
    places = [i for i, m in enumerate(question.messages) if m.get("role") == "user"][-1:]
    for i in places if users else range(len(question.messages)):
        content: Any = question.messages[i].get("content")
        if isinstance(content, str):
            yield i, None, content
        elif isinstance(content, list):
            for j, piece in enumerate(content):
                if isinstance(piece, dict) and isinstance(piece.get("text"), str):
                    yield i, j, piece["text"]


def _spans(kind: str, text: str) -> tuple[tuple[int, int], ...]:
    if kind == "options":
        return _options(text)
    if kind == "dashes":
        cuts = list(_DASHES.finditer(text))
        return tuple((a.end(), b.start()) for a, b in pairwise(cuts))
    return tuple(_blocks(kind.removesuffix("s"), text))


def _options(text: str) -> tuple[tuple[int, int], ...]:
    """The last run of lettered lines from A on without a gap."""
    runs: list[list[tuple[int, int]]] = [[]]
    for line in _OPTION.finditer(text):
        if LETTERS.index(line[1]) != len(runs[-1]):
            runs.append([])
        if LETTERS.index(line[1]) == len(runs[-1]):
            runs[-1].append(line.span(2))
    return tuple(next((run for run in reversed(runs) if len(run) > 1), ()))


def _blocks(name: str, text: str) -> Iterator[tuple[int, int]]:
    at, open_ended = 0, 0
    while open_ended < _MOST_OPEN and (opened := _OPENED.search(text, at)) is not None:
        close = f"\n</{opened[1]} {opened[2]}>"
        end = text.find(close, opened.end() - 1)
        if end < 0:
            at, open_ended = opened.end(), open_ended + 1
            continue
        at = end + len(close)
        if opened[1] == name:
            yield opened.start(), at
