"""Checks the sums that a text works out (`a op b = c`): free, exact, and blind to everything else."""

from __future__ import annotations

from typing import Literal

from outlay.run import Run
from outlay.types import Bound, Question, Sample, Share, Verdict
from outlay.verifiers._arithmetic import sums
from outlay.verifiers._reply import text_of

NEEDS: frozenset[str] = frozenset()
UNKNOWN = 0.5
"""The score of a text in which there is nothing to check."""
By = Literal["first", "share"]


def bound(question: Question, *, by: By = "first", threshold: Share = 1.0) -> Bound:
    """Nothing is bought."""
    return Bound()


async def step_rules(
    run: Run, question: Question, candidate: Sample, *, by: By = "first", threshold: Share = 1.0
) -> Verdict:
    """Whether the sums in a text hold: 0 from the first one that does not, else 1; by `share`, the share that holds.

    A text without any sum scores 0.5, which is not accepted at the default threshold. It sees slips of arithmetic and
    nothing else: a sound sum of the wrong numbers passes. Sums with units or unknowns between the
    numbers are not read.

    Args:
        run: unused; nothing is bought.
        question: unused.
        candidate: the sample to check.
        by: `first`, for chains that an error spoils, or `share`, for ones that may correct themselves.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` says how many sums hold.

    Cost: nothing.
    Source: the rule-based step scorer that the A*-decoding sheet proposes; by `share` and 0.5 where there is nothing to
        check are our choice.
    Example: `outlay ask "17 + 4 - 9?" --strategy beam_search:n=8 --kind number --verifier step_rules`
    """
    held = sums(text_of(candidate))
    score = scored(held, by)
    why = f"{sum(held)} of {len(held)} sums hold" if held else "no sum to check"
    return Verdict(score, score >= threshold, why)


async def prefix(
    run: Run, question: Question, steps: tuple[str, ...], *, by: By = "first", threshold: Share = 1.0
) -> float:
    """The score of the sums so far, as that of a whole text."""
    return scored(sums("".join(steps)), by)


def scored(held: list[bool], by: By) -> float:
    """The score in [0, 1] of sums of which these hold.

    Example:
        >>> scored([True, False], "first"), scored([True, False], "share"), scored([], "first")
        (0.0, 0.5, 0.5)
    """
    if not held:
        return UNKNOWN
    return sum(held) / len(held) if by == "share" else float(all(held))
