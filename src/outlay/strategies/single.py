"""One sample, taken as it is: the cheapest plan, and the baseline of every other."""

from __future__ import annotations

from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer, draws
from outlay.types import Answer, Bound, Question

NEEDS = frozenset({"chat"})


def bound(question: Question) -> Bound:
    """One draw."""
    return draws(question, 1)


async def single(run: Run, question: Question) -> Answer:
    """The model's first sample. Works without an answer kind: then its text is the answer.

    `p_correct` is unknown: one sample says nothing about how sure it is.

    Cost: 1 draw.
    """
    pool = await run.sample(question, n=1)
    return answer(run, question, pool, vote(pool), stopped="one sample drawn")
