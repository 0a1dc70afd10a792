"""An oracle that knows the right answer: for oracle blocks of `outlay bench`, never under test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from outlay.errors import UsageError
from outlay.run import Run, Verifier
from outlay.types import Bound, Question, Sample, Verdict

NEEDS: frozenset[str] = frozenset()


def bound(question: Question) -> Bound:
    """Nothing is bought."""
    return Bound()


async def reference(run: Run, question: Question, candidate: Sample) -> Verdict:
    """Never a verdict: a question does not carry its reference, so that no strategy can see the key.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        "reference is an oracle that knows the right answers; only `outlay bench` of a task with "
        "references has it, in a block of its own. Choose judge, generative, command or code_tests."
    )


def against(score: Callable[[Sample], float | Awaitable[float]], *, threshold: float = 1.0) -> Verifier:
    """A verifier that scores each candidate by a task's own scorer: the oracle of an experiment's oracle block.

    Args:
        score: from a sample to [0, 1], at once or awaited; it holds the reference.
        threshold: the score from which a candidate counts as right.

    Cost: nothing.
    """

    async def oracle(run: Run, question: Question, candidate: Sample) -> Verdict:
        async def look() -> float:
            value = score(candidate)
            return float(await value if isinstance(value, Awaitable) else value)

        value = await run.observe(f"oracle/{candidate.index}", look)
        return Verdict(value, value >= threshold, "oracle")

    return oracle
