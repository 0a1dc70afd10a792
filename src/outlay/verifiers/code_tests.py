"""Runs each candidate's Python against tests, inside bubblewrap; the score is the share of checks that pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from outlay.answers import code
from outlay.errors import MissingAbility, ProviderError, UsageError
from outlay.run import Run
from outlay.sandbox.bubblewrap import Caps, probe
from outlay.sandbox.checks import count_checks, run_checks
from outlay.types import Bound, Draws, Question, Sample, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS: frozenset[str] = frozenset()

Seconds = Annotated[float, Meta(gt=0.0, le=600.0)]
Megabytes = Annotated[int, Meta(ge=64, le=16_384)]


def bound(
    question: Question,
    *,
    tests: str,
    timeout_s: Seconds = 10.0,
    memory_mb: Megabytes = 512,
    threshold: Share = 1.0,
) -> Bound:
    """One run in the sandbox; no tokens."""
    return Bound({"sandbox": Draws(1)})


def ready(
    *,
    tests: str,
    timeout_s: Seconds = 10.0,
    memory_mb: Megabytes = 512,
    threshold: Share = 1.0,
) -> None:
    """Refuse, before anything is bought, where there is no sandbox or no test.

    Raises:
        MissingAbility: there is no sandbox here; the sentence says what to do.
        UsageError: the tests cannot be read or hold no check.
    """
    count_checks(source(tests))
    if (why := probe()) is not None:
        raise MissingAbility(why)


async def code_tests(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    tests: str,
    timeout_s: Seconds = 10.0,
    memory_mb: Megabytes = 512,
    threshold: Share = 1.0,
) -> Verdict:
    """The share of checks that the candidate's code passes; accepted when all do.

    The share ranks candidates that fail, which a verdict of yes or no could not; what passes only some checks
    is still wrong, hence the threshold of 1. The code runs with the standard library alone, without network,
    and never outside of the sandbox. A candidate without code scores 0. See `outlay.sandbox.checks` for what
    counts as a check and for how code could deceive its tests.

    Args:
        run: what is charged.
        question: what was asked.
        candidate: the sample to check.
        tests: Python source with assertions or functions `test_…`, or the path of such a file (`….py`).
        timeout_s: seconds for the whole run; checks not reached count as failed.
        memory_mb: memory of each process, in millions of bytes.
        threshold: the share of checks from which a candidate is accepted.

    Raises:
        UsageError: the tests cannot be read or hold no check.
        MissingAbility: there is no sandbox here; the sentence says what to do.
        ProviderError: the sandbox did not start its program.

    Cost: the seconds it takes, at the price of a core of this machine; at most `timeout_s`.
    Example: `outlay ask "Write solve(xs) …" --kind code --strategy best_of_n --verifier code_tests:tests.py`
    """
    written = candidate.answer if question.kind == "code" else code.extract(text_of(candidate))
    if not written:
        return Verdict(0.0, False, "no code")
    caps = Caps(timeout_s=timeout_s, memory_bytes=memory_mb * 1_000_000)

    checks = source(tests)

    async def work() -> dict[str, Any]:
        try:
            return msgspec.to_builtins(await run_checks(written, checks, caps=caps))
        except ProviderError as error:
            return {"failed": str(error)}

    same = repr((written, checks, timeout_s, memory_mb))
    seen = await run.seconds(f"tests/{candidate.index}", timeout_s, work, same=same)
    if "failed" in seen:
        raise ProviderError(seen["failed"])
    passed, total = seen["passed"], seen["total"]
    score, why = passed / total, f"; {seen['why']}" if seen["why"] else ""
    return Verdict(score, score >= threshold, f"{passed} of {total} checks passed{why}")


def source(tests: str) -> str:
    """The test source: the text itself, or what stands in the file of that name (one line that ends in `.py`).

    Raises:
        UsageError: the file cannot be read.

    Example:
        >>> source("assert f(1) == 2")
        'assert f(1) == 2'
    """
    if "\n" in tests or not tests.strip().endswith(".py"):
        return tests
    try:
        return Path(tests.strip()).read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"The tests {tests.strip()!r} cannot be read: {reason}.") from None
