"""Lines of a task file become items; what is wrong with one is said with the file and the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from outlay import plugins
from outlay.answers import number
from outlay.errors import UsageError, nearest
from outlay.tasks._item import Item, Task, item
from outlay.types import Question

_KNOWN = ("id", "question", "messages", "answer", "kind")


class Record(NamedTuple):
    """One line of a file: where it stands, and its fields."""

    file: str
    line: int
    fields: dict[str, Any]

    def wrong(self, what: str) -> UsageError:
        """The error that names this line."""
        return UsageError(f"{self.file}:{self.line}: {what}")


def read_text(file: str) -> str:
    """The text of a UTF-8 file, a byte-order mark dropped.

    Raises:
        UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        return Path(file).read_text("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file {file}; check the path.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file}:{line}: this line is not UTF-8; save the file as UTF-8.") from None


def json_lines(file: str) -> Iterator[Record]:
    """The JSON objects of a file, one a line; blank lines are skipped.

    Raises:
        UsageError: a line is not a JSON object, or the file cannot be read.
    """
    for place, line in enumerate(read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            fields = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UsageError(f"{file}:{place}: this line is not JSON: {error}.") from None
        if not isinstance(fields, dict):
            raise UsageError(f"{file}:{place}: this line is no JSON object; write one like {_SHAPE}.")
        yield Record(file, place, fields)


_SHAPE = '{"id": "1", "question": "17 * 23?", "answer": "391", "kind": "number"}'


def task_of(records: Iterable[Record], file: str, questions: int) -> Task:
    """The first `questions` records of a file as a task; every line is checked, also those that are not used.

    A record has `question` (a text) or `messages` (a conversation), and may have `id` (else its line number),
    `answer` (else it cannot be scored) and `kind`. Where no line of the file states a kind and every answer
    in it is a number, the kind is `number`; nothing else is guessed.

    Raises:
        UsageError: a field is unknown, missing or malformed, two ids are equal, or there is no record.
    """
    rows = list(records)
    if not rows:
        raise UsageError(f"{file} holds no questions; write one line a question.")
    guess = _guess(rows)
    seen: dict[str, int] = {}
    items = []
    for row in rows:
        made = _item(row, guess)
        before = seen.setdefault(made.question.id, row.line)
        if before != row.line:
            raise row.wrong(f"the id {made.question.id!r} was used before, in line {before}; ids must differ.")
        items.append(made)
    return Task(file, tuple(items[:questions]))


def _item(row: Record, guess: str | None) -> Item:
    unknown = next((k for k in row.fields if k not in _KNOWN), None)
    if unknown is not None:
        raise row.wrong(f"there is no field {unknown!r}; {nearest(str(unknown), _KNOWN)}")
    kind = _kind(row) or guess
    question = Question(id=_id(row), messages=_messages(row), kind=kind)
    return item(question, _reference(row, kind))


def _guess(rows: list[Record]) -> str | None:
    answers = [_plain(row.fields.get("answer")) for row in rows]
    stated = any(row.fields.get("kind") not in (None, "") for row in rows)
    return "number" if not stated and all(a is not None and _is_number(a) for a in answers) else None


def _is_number(answer: str) -> bool:
    return number.canonical(answer) is not None and not any(c.isalpha() for c in answer)


def _plain(answer: Any) -> str | None:
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    return str(answer)


def _id(row: Record) -> str:
    given = row.fields.get("id")
    if given is None or given == "":
        return str(row.line)
    if isinstance(given, bool) or not isinstance(given, str | int) or len(str(given)) > 500:
        raise row.wrong("`id` must be a text of at most 500 characters, or a whole number.")
    return str(given)


def _kind(row: Record) -> str | None:
    given = row.fields.get("kind")
    if given is None or given == "":
        return None
    known = _kinds()
    if not isinstance(given, str) or (given not in known and ":" not in given):
        raise row.wrong(f"there is no answer kind {given!r}; {nearest(str(given), known)}")
    return given


@lru_cache(maxsize=1)
def _kinds() -> frozenset[str]:
    return frozenset(plugins.names("answer kind"))


def _messages(row: Record) -> tuple[dict[str, Any], ...]:
    question, messages = row.fields.get("question"), row.fields.get("messages")
    if (question is None) == (messages is None):
        raise row.wrong("write either `question` or `messages`.")
    if messages is None:
        if not isinstance(question, str) or not question.strip():
            raise row.wrong("`question` must be a text that is not empty.")
        return ({"role": "user", "content": question},)
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        raise row.wrong('`messages` must be a list like [{"role": "user", "content": "17 * 23?"}].')
    return tuple(messages)


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)


def _reference(row: Record, kind: str | None) -> str | None:
    answer = row.fields.get("answer")
    if answer is None:
        return None
    plain = _plain(answer)
    if plain is None and kind in ("json", "tool_call"):
        plain = msgspec.json.encode(answer).decode()
    if plain is None or not plain.strip():
        raise row.wrong("`answer` must be a text or a number, and not empty.")
    if kind is not None and ":" not in kind and plugins.load("answer kind", kind).canonical(plain) is None:
        raise row.wrong(f"the answer {plain[:50]!r} is not of the kind {kind}.")
    return plain
