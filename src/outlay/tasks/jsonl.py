"""A JSON Lines file: one question a line with id, question or messages, answer, kind."""

from __future__ import annotations

from outlay.tasks._item import Task
from outlay.tasks._records import json_lines, task_of


def jsonl(questions: int, seed: int, *, file: str) -> Task:
    """The first `questions` lines of a file, in its order; the seed has no effect.

    Fewer lines give fewer questions. Where no line states a kind and every answer is a number, the kind is
    `number`; nothing else is guessed.

    Args:
        questions: the most that are taken, from 1.
        seed: not used: a file's order is its own.
        file: path of the file, UTF-8.

    Raises:
        UsageError: the file cannot be read, holds nothing, or a line is malformed (file and line are named).

    Example:
        >>> jsonl(1, 0, file="no such file")
        Traceback (most recent call last):
        outlay.errors.UsageError: There is no file no such file; check the path.
    """
    return task_of(json_lines(file), file, questions)
