"""Samples get their answer and its class; only complete answers may vote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import msgspec

from outlay import plugins
from outlay.types import Completion, Pool, Sample

Work = Callable[[str, str, list[str]], Awaitable[list[int] | None]]
"""Calls a function by path in a killable worker: (key of the call, path, values); None when it could not."""


async def classify(pool: Pool, work: Work) -> Pool:
    """The pool with each sample's answer and class key under the pool's answer kind.

    Truncated, failed and answerless samples keep `key` None. Kinds whose classes need algebra are compared in a
    killable worker; where that cannot be, spellings are the classes. Without a kind nothing is extracted.
    """
    if pool.kind is None:
        return pool
    kind = _kind(pool.kind)
    samples = [_read(kind, s) for s in pool.samples]
    joiner = getattr(kind, "classes_in_worker", None)
    if joiner is not None and len({s.key for s in samples if s.key is not None}) > 1:
        samples = await _join(work, joiner, samples)
    return msgspec.structs.replace(pool, samples=tuple(samples))


@lru_cache(maxsize=64)
def _kind(name: str) -> Any:
    return plugins.load("answer kind", name)


def _read(kind: Any, sample: Sample) -> Sample:
    completion = sample.completion
    if completion is None or completion.truncated or completion.finish_reason == "cancelled":
        return msgspec.structs.replace(sample, key=None)
    answer = extract(kind, completion)
    key = None if answer is None else kind.canonical(answer)
    return msgspec.structs.replace(sample, answer=answer, key=key)


def extract(kind: Any, completion: Completion) -> str | None:
    """The answer that a completion states under an answer kind; tool calls count where the kind reads them."""
    if completion.tool_calls and hasattr(kind, "from_tool_calls"):
        return kind.from_tool_calls(completion.tool_calls)
    return kind.extract(completion.text)


async def _join(work: Work, joiner: str, samples: list[Sample]) -> list[Sample]:
    """Give samples whose answers algebra shows equal one key: the first of their spellings in sorted order."""
    voters = [s for s in samples if s.key is not None]
    values = sorted({s.key for s in voters if s.key is not None})
    classes = await work(f"classes/{samples[0].index}+{len(samples)}", joiner, values)
    if classes is None:
        return samples
    leader: dict[int, str] = {}
    for value, number in zip(values, classes, strict=True):
        leader.setdefault(number, value)
    keys = {value: leader[number] for value, number in zip(values, classes, strict=True)}
    return [s if s.key is None else msgspec.structs.replace(s, key=keys[s.key]) for s in samples]
