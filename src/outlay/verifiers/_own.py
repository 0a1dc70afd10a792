"""A verifier of the user's own: a Python function of the answer, beside the verifiers that outlay brings."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from outlay.errors import OutlayError, ProviderError, TimedOut, UsageError
from outlay.run import Run, Verifier
from outlay.types import Question, Sample, Verdict
from outlay.verifiers._reply import text_of

TIMEOUT_S = 60.0
"""How long one call of a user's function may take, in seconds."""
THRESHOLD = 0.5
"""The score from which a number accepts."""
AT_ONCE = 8
"""How many candidates one function sees at the same time, each in a thread."""


def as_verifier(
    target: Any, parameters: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
) -> Verifier:
    """A verifier from a plugin or from a user's function, with its parameters bound.

    A plugin has three positional parameters, `(run, question, candidate)`, and is async. A plain function has
    one or two, `(answer)` or `(question, answer)`: the question as a `Question`, the answer as text (the
    whole reply where the question has no answer kind). It returns a bool, a score in [0, 1] (accepted from
    0.5) or a `Verdict`, and may be async. What it says is traced, so that a replay does not call it; it costs
    nothing.

    A synchronous function runs in a thread. After `timeout_s` the sample stands unverified, but Python cannot
    stop the thread: it runs on until the process ends. A check that may hang belongs into the verifier
    `command`.

    Args:
        target: the plugin or function.
        parameters: values of its keyword-only parameters.
        timeout_s: seconds that one call of a plain function, or of a user's `prefix`, may take.

    Raises:
        UsageError: it is not callable, or takes another number of positional parameters.

    Example:
        >>> even = as_verifier(lambda answer: int(answer) % 2 == 0)
    """
    given = dict(parameters or {})
    name = _name(target)
    positional = _positional(target, name)
    if positional == 3:
        return _Plugin(target, given, timeout_s)

    free = asyncio.Semaphore(AT_ONCE)

    async def own(run: Run, question: Question, candidate: Sample) -> Verdict:
        answer = candidate.answer if candidate.answer is not None else text_of(candidate)
        values = (answer,) if positional == 1 else (question, answer)

        async def look() -> dict[str, Any]:
            return await _look(target, name, values, given, timeout_s, free)

        seen = await run.observe(f"own/{candidate.index}", look)
        if "failed" in seen:
            raise ProviderError(seen["failed"])
        return Verdict(seen["score"], seen["accepted"], seen["why"])

    return own


class _Plugin:
    """A verifier of three parameters with its values bound. `prefix` scores chains of thought, where its file can."""

    def __init__(self, target: Any, given: dict[str, Any], timeout_s: float):
        self._target, self._given = target, given
        shown = ",".join(f"{key}={value}" for key, value in sorted(given.items()))
        self.name = f"{_name(target)}:{shown}" if shown else _name(target)
        scores = getattr(inspect.getmodule(target), "prefix", None)
        if scores is not None and not target.__module__.startswith("outlay."):
            scores = _bounded(scores, _name(target), timeout_s)
        self.prefix = None if scores is None else partial(scores, **given)

    async def __call__(self, run: Run, question: Question, candidate: Sample) -> Verdict:
        return await self._target(run, question, candidate, **self._given)


def _bounded(scores: Callable[..., Any], name: str, timeout_s: float) -> Callable[..., Any]:
    """A user's scorer of prefixes; its mistakes and delays become failures: this is the boundary to that code."""

    async def prefix(run: Run, question: Question, steps: tuple[str, ...], **given: Any) -> float:
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                return await scores(run, question, steps, **given)
        except OutlayError:
            raise
        except Exception as error:
            if limit.expired():
                raise TimedOut(f"your scorer {name} took longer than {timeout_s:g} s") from error
            told = f"{type(error).__name__}: {str(error)[:200]}"
            raise ProviderError(f"your scorer {name} failed with {told}") from error

    return prefix


async def _look(
    target: Callable[..., Any],
    name: str,
    values: tuple[Any, ...],
    given: dict[str, Any],
    timeout_s: float,
    free: asyncio.Semaphore,
) -> dict[str, Any]:
    """The function's opinion as plain data: this is the boundary to the user's code, whatever it raises."""
    limit = asyncio.timeout(timeout_s)
    try:
        async with free, limit:
            said = await _in_thread(lambda: target(*values, **given))
            # An async function only makes its coroutine in the thread; it runs here, on the loop.
            said = await said if inspect.isawaitable(said) else said
    except (Exception, SystemExit) as error:
        if limit.expired():
            return {"failed": f"your function {name} took longer than {timeout_s:g} s"}
        return {"failed": f"your function {name} failed with {type(error).__name__}: {str(error)[:200]}"}
    return _opinion(said, name)


def _opinion(said: Any, name: str) -> dict[str, Any]:
    verdict = said if isinstance(said, Verdict) else None
    number: Any = verdict.score if verdict else said
    try:
        score = float(number) if not isinstance(number, str) else math.nan
    except (TypeError, ValueError):
        score = math.nan
    if not 0.0 <= score <= 1.0:
        wanted = "it must return True, False or a score from 0 to 1"
        return {"failed": f"your function {name} returned {str(said)[:80]!r}; {wanted}"}
    if verdict:
        return {"score": score, "accepted": bool(verdict.accepted), "why": str(verdict.why)}
    return {"score": score, "accepted": score >= THRESHOLD, "why": f"{name} returned {str(said)[:40]}"}


async def _in_thread(call: Callable[[], Any]) -> Any:
    """The call's result from a thread of its own, which unlike a pool's never keeps the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            # Nobody waits for it any more; an async function's coroutine is closed, which was never begun.
            if inspect.iscoroutine(result):
                result.close()
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except StopIteration as stop:  # no future can carry it
            error = RuntimeError(f"StopIteration: {stop}")
        except (Exception, SystemExit) as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop closed meanwhile: nobody waits for this result
            return

    threading.Thread(target=work, name="outlay-own-check", daemon=True).start()
    return await future


def _positional(target: Any, name: str) -> int:
    if not callable(target):
        raise UsageError(f"{name} is no verifier: it cannot be called.")
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(p.kind in kinds and p.default is p.empty for p in signature.parameters.values())
    if count not in (1, 2, 3):
        raise UsageError(
            f"{name} takes {count} positional parameters; write your check as f(answer) or f(question, answer)."
        )
    return count


def _name(target: Any) -> str:
    return getattr(target, "__qualname__", None) or getattr(target, "__name__", None) or type(target).__name__
