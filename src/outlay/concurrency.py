"""Several awaitables at once, under one roof: the first failure cancels the rest and is raised as itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Results in the order of `work`. A failure cancels the others, waits for their clean-up, and is raised alone."""
    work = list(work)
    if len(work) == 1:
        return [await work[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(w) for w in work]
    except BaseExceptionGroup as failures:
        raise first(failures) from None
    return [t.result() for t in tasks]


def first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single exception inside a group, however deep."""
    inner = failures.exceptions[0]
    return first(inner) if isinstance(inner, BaseExceptionGroup) else inner
