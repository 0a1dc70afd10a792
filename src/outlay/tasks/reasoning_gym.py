"""Any task of reasoning_gym with its own scorer, as reasoning_gym/NAME?key=value (extra: tasks)."""

from __future__ import annotations

import typing
from dataclasses import fields
from typing import Any

import msgspec

from outlay.answers import number
from outlay.errors import MissingExtra, UsageError, nearest
from outlay.tasks._item import Item, Task
from outlay.tasks._reasoning_gym_data import dataset
from outlay.types import Question

_PROBES = 16


def reasoning_gym(questions: int, seed: int, *, dataset: str, **options: str) -> Task:
    """Questions of a reasoning_gym dataset with its own scorer.

    The seed is reasoning_gym's own: neighbouring seeds share questions.

    The answer kind is `number` where the answers of the first 16 questions of seed 0 all are, else `text`. An answer
    that is the reference letter by letter is right, and so is a number equal to it: some scorers read 78,000 as 78.
    What else reasoning_gym accepts, its own scorer says in a worker (`Item.judge`).

    Args:
        questions: how many, from 1.
        seed: passed on; from 0.
        dataset: a dataset of reasoning_gym, such as `chain_sum`.
        **options: fields of the dataset's configuration.

    Raises:
        MissingExtra: reasoning_gym is not installed.
        UsageError: an unknown dataset or option (the nearest is named), or a value that it does not accept.
    """
    written = msgspec.json.encode(_checked(dataset, options)).decode()
    drawn = _open(dataset, written, seed, questions)
    kind = _kind(dataset, written)
    items = (_item(dataset, written, seed, i, drawn[i], kind) for i in range(questions))
    return Task(f"reasoning_gym/{dataset}", tuple(items))


def _item(name: str, options_json: str, seed: int, index: int, entry: dict[str, Any], kind: str) -> Item:
    question = Question.of(entry["question"], id=f"{name}-{seed}-{index}", kind=kind)
    worker = ("outlay.tasks._reasoning_gym_scores:score", (name, options_json, seed, index))
    reference = None if entry["answer"] is None else str(entry["answer"])
    return Item(question, reference, scorer=_equal, in_worker=worker)


def _equal(item: Item, value: str | None, text: str) -> float:
    if value is None or item.reference is None:
        return 0.0
    as_numbers = item.question.kind == "number" and number.equal(value, item.reference)
    return float(as_numbers or value == item.reference)


def _kind(name: str, options_json: str) -> str:
    probe = _open(name, options_json, 0, _PROBES)
    numeric = all(_is_number(str(probe[i]["answer"])) for i in range(_PROBES))
    return "number" if numeric else "text"


def _is_number(answer: str) -> bool:
    return number.canonical(answer) is not None and not any(map(str.isalpha, answer))


def _open(name: str, options_json: str, seed: int, size: int) -> Any:
    try:
        return dataset(name, options_json, seed, size)
    except (ValueError, AssertionError, TypeError) as error:
        raise UsageError(f"reasoning_gym/{name} refuses these parameters: {error}.") from None


def _checked(name: str, options: dict[str, str]) -> dict[str, Any]:
    try:
        from reasoning_gym.factory import DATASETS  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtra(
            "Tasks of reasoning_gym need a package; install it with: pip install 'outlay[tasks]'"
        ) from None
    if name not in DATASETS:
        raise UsageError(f"reasoning_gym has no task {name!r}; {nearest(name, DATASETS)}")
    _, config = DATASETS[name]
    hints = typing.get_type_hints(config)
    known = {f.name: hints[f.name] for f in fields(config) if f.name not in ("seed", "size")}
    return {key: _converted(name, key, value, known) for key, value in options.items()}


def _converted(name: str, key: str, value: str, known: dict[str, Any]) -> Any:
    if key not in known:
        raise UsageError(f"reasoning_gym/{name} has no parameter {key!r}; {nearest(key, known)}")
    try:
        given = msgspec.json.decode(value) if value[:1] in "[{" else value
        return msgspec.convert(given, known[key], strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, TypeError) as error:
        raise UsageError(f"reasoning_gym/{name}: {key}={value!r} is not allowed: {error}.") from None
