"""One question without an open `Outlay`: open, buy one answer, close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from outlay.budget import Limits
from outlay.engine import Outlay
from outlay.types import Answer, Question


async def ask(
    question: str | Question,
    *,
    models: str | Mapping[str, str] | None = None,
    strategy: str = "single",
    kind: str | None = None,
    verifier: str | Callable[..., Any] | None = None,
    max_usd: float | str | None = None,
    seed: int = 0,
) -> Answer:
    """Open outlay, buy one answer, close: for one question. For more, keep an `Outlay` open.

    Args:
        question: its text, or a whole question.
        models: the default model, or a model for each role; None takes the configuration's.
        strategy: `name` or `name:key=value,…`.
        kind: the answer kind.
        verifier: a name, `command:…`, a dotted name, or a function of (question, answer).
        max_usd: a hard cap in dollars.
        seed: every random choice derives from it.

    Raises:
        As `Outlay.ask`.
    """
    async with Outlay(models, seed=seed, limits=Limits.of(max_usd=max_usd)) as outlay:
        return await outlay.ask(question, strategy=strategy, kind=kind, verifier=verifier)


def ask_sync(question: str | Question, **options: Any) -> Answer:
    """`ask` for scripts without an event loop, with the same options.

    Example:
        >>> ask_sync("17 * 23?", kind="number", strategy="self_consistency:n=8").answer  # doctest: +SKIP
        '391'
    """
    return asyncio.run(ask(question, **options))
