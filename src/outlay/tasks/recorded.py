"""The questions of a recording with their references, so that its own recorded model can be put to them."""

from __future__ import annotations

from outlay.models.recording import RecordedQuestion
from outlay.models.recording_file import read
from outlay.tasks._item import Item, Task, item
from outlay.types import Question


def recorded(questions: int, seed: int, *, file: str) -> Task:
    """The first `questions` questions of a recording, in its order; written `recorded/FILE`.

    Ids are the recording's own, so the model `recorded/FILE`, and one of another recording of the same questions,
    finds its samples by them. Answers are scored by the recorded answer kind against the recorded reference,
    without a kind as whole texts; a scorer of the task's own, and the tests of a code task, are not in a
    recording. The seed has no effect.

    Args:
        questions: the most that are taken, from 1.
        seed: not used: the recording's order is its own.
        file: path of a recording, or the name of a shipped one, such as `pool-q05-sums`.

    Raises:
        UsageError: there is no such recording, or it is malformed (the sentence names the file and the place).

    Example:
        >>> recorded(2, 0, file="pool-q05-sums")[0].reference
        '-186'
    """
    return Task(file, tuple(_item(q) for q in read(file).questions[:questions]))


def _item(recorded: RecordedQuestion) -> Item:
    question = Question(id=recorded.id, messages=recorded.messages, kind=recorded.kind)
    return item(question, recorded.reference or None)
