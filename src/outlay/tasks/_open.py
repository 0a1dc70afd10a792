"""What a user writes becomes a task: a file, or a name with parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from outlay import plugins
from outlay.errors import UsageError
from outlay.tasks._item import Task

_FORMATS = {".jsonl": "jsonl", ".csv": "csv"}


def open_task(text: str, *, questions: int, seed: int) -> Task:
    """The task that a user names, with at most `questions` items.

    The grammar: a path that ends in `.jsonl` or `.csv`; `NAME?key=value&…` for a task file of outlay's or one
    that a package publishes; `NAME/FIRST?…` or `NAME:FIRST?…`, where FIRST is the first parameter
    (`reasoning_gym/NAME`, `gsm8k:FILE`); `package.module:function?…`.

    Args:
        text: what the user wrote; it becomes the task's name.
        questions: the most questions, from 1; generators make exactly so many.
        seed: seed of generated questions; files keep their own order.

    Raises:
        UsageError: an unknown task or parameter, one out of bounds, or a malformed file.
        MissingExtra: the task needs a package that is not installed.

    Example:
        >>> len(open_task("chain_sum?min_terms=2&max_terms=2", questions=5, seed=1))
        5
    """
    if questions < 1:
        raise UsageError(f"{questions} questions are too few; ask for at least 1.")
    name, given = _parsed(text.strip())
    function = plugins.load("task", name)
    if not callable(function) or not _takes_questions_and_seed(function):
        raise UsageError(f"The task {name!r} is no function of (questions, seed, *, …); name one that is.")
    task = function(questions, seed, **_checked(name, function, given))
    if not isinstance(task, Task):
        raise UsageError(
            f"The task {name!r} returned a {type(task).__name__}; make it return an outlay.tasks.Task."
        )
    return msgspec.structs.replace(task, name=text.strip())


def _takes_questions_and_seed(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind_partial(0, 0)
    except (TypeError, ValueError):
        return False
    return True


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    prefix = re.match(r"(\w+):(?=.)", text)
    if prefix and prefix[1] in plugins.names("task"):
        return _first_and_query(prefix[1], text[prefix.end() :], is_file=prefix[1] in ("jsonl", "csv", "gsm8k"))
    suffix = PurePath(text).suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix], {"file": text}
    head, _, query = text.partition("?")
    name = head.partition("/")[0]
    if name != head and ":" not in name:
        return _first_and_query(name, text[len(name) + 1 :], is_file=False)
    return head, _query(text, query)


def _first_and_query(name: str, rest: str, *, is_file: bool) -> tuple[str, dict[str, str]]:
    first, _, query = (rest, "", "") if is_file else rest.partition("?")
    parameters = plugins.parameters(plugins.load("task", name))
    if not parameters:
        raise UsageError(f"{name} takes no parameters, but {rest!r} was given.")
    return name, {parameters[0].name: first} | _query(name, query)


def _query(name: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=100)
    except ValueError:
        raise UsageError(f"{name}: {query!r} is not written like key=value&key=value.") from None
    if len(dict(pairs)) < len(pairs):
        raise UsageError(f"{name}: a parameter is given twice in {query!r}; give it once.")
    return dict(pairs)


def _checked(name: str, function: Callable[..., Any], given: dict[str, str]) -> dict[str, Any]:
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())
    # A free-form option must not reach the arguments that belong to the caller.
    known = set(inspect.signature(function).parameters)
    own = {k: v for k, v in given.items() if not takes_any or k in known}
    return plugins.check("task", name, function, own) | {k: v for k, v in given.items() if k not in own}
