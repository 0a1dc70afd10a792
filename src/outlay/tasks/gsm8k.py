"""GSM8K in its official JSON Lines form, answers after #### (answer kind: number)."""

from __future__ import annotations

from outlay.answers import number
from outlay.errors import UsageError
from outlay.tasks._item import Item, Task, item
from outlay.tasks._records import Record, json_lines
from outlay.types import Question


def gsm8k(questions: int, seed: int, *, file: str) -> Task:
    """The first `questions` problems of a file, in its order; written `gsm8k:FILE`.

    The seed has no effect.

    Each line has `question` and `answer`; the reference is what follows the last `####` of the answer, without
    commas. Other fields are ignored.

    Args:
        questions: the most that are taken, from 1.
        seed: not used: the file's order is its own.
        file: path of the file (`test.jsonl` of the official release).

    Raises:
        UsageError: the file cannot be read, holds nothing, or a line is malformed (file and line are named).

    Source: Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems.

    Example:
        >>> gsm8k(1, 0, file="no such file")
        Traceback (most recent call last):
        outlay.errors.UsageError: There is no file no such file; check the path.
    """
    items = [_item(record) for record in json_lines(file)]
    if not items:
        raise UsageError(f"{file} holds no questions; write one line a question.")
    return Task(file, tuple(items[:questions]))


def _item(record: Record) -> Item:
    question, answer = record.fields.get("question"), record.fields.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str) or not question.strip():
        raise record.wrong("this line needs the texts `question` and `answer`.")
    _, rule, reference = answer.rpartition("####")
    reference = reference.strip().replace(",", "")
    if not rule or number.canonical(reference) is None:
        raise record.wrong("the answer does not end in `#### NUMBER`.")
    return item(Question.of(question, id=f"gsm8k-{record.line}", kind="number"), reference)
