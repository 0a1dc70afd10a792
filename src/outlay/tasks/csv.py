"""A CSV file with a header: id, question or messages (as JSON), answer, kind."""

from __future__ import annotations

from collections.abc import Iterator
from csv import DictReader, Error
from io import StringIO

import msgspec

from outlay.errors import UsageError
from outlay.tasks._item import Task
from outlay.tasks._records import Record, read_text, task_of


def csv(questions: int, seed: int, *, file: str) -> Task:
    """The first `questions` rows of a file, in its order; the seed has no effect.

    Fewer rows give fewer questions. Fields follow RFC 4180 (commas, double quotes); an empty field is an
    absent one. Where no row states a kind and every answer is a number, the kind is `number`; nothing else is
    guessed.

    Args:
        questions: the most that are taken, from 1.
        seed: not used: a file's order is its own.
        file: path of the file, UTF-8.

    Raises:
        UsageError: the file cannot be read, holds nothing, or a row is malformed (file and line are named).

    Example:
        >>> csv(1, 0, file="no such file")
        Traceback (most recent call last):
        outlay.errors.UsageError: There is no file no such file; check the path.
    """
    return task_of(_rows(file), file, questions)


def _rows(file: str) -> Iterator[Record]:
    reader = DictReader(StringIO(read_text(file), newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UsageError(f"{file}:{reader.line_num}: this row has not as many fields as the header.")
            fields = {key.strip(): value for key, value in row.items() if value != ""}
            record = Record(file, reader.line_num, fields)
            if "messages" in fields:
                fields["messages"] = _decoded(record, fields["messages"])
            yield record
    except Error as error:
        raise UsageError(f"{file}:{reader.line_num}: this row is not CSV: {error}.") from None


def _decoded(record: Record, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise record.wrong(f"`messages` is not JSON: {error}.") from None
