"""Self-consistency: the answer that most of n samples agree on."""

from __future__ import annotations

from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer, draws, need_kind, vote_share
from outlay.types import Answer, Bound, Count, Question

NEEDS = frozenset({"chat"})


def bound(question: Question, *, n: Count = 8) -> Bound:
    """Worst case: n draws."""
    return draws(question, n)


async def self_consistency(run: Run, question: Question, *, n: Count = 8) -> Answer:
    """The plurality answer of n samples; ties are drawn by the seed.

    Needs no verifier. It never lowers the cost of one correct answer below that of a single sample; it buys accuracy,
    and only where the right answer is the most likely one.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples. Gains flatten by about 20 to 100; start at 8.

    Cost: n draws, the prompt read once where the server shares it.
    Source: Wang et al. 2022 (arXiv 2203.11171), section 2, unweighted vote.
    Example: `outlay ask "17 * 23?" --strategy self_consistency:n=8 --kind number`
    """
    need_kind(question, "self_consistency")
    pool = await run.sample(question, n=n)
    choice = vote(pool)
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=f"{n} samples drawn",
        p_correct=vote_share(pool, choice),
        p_source="vote share, not calibrated",
    )
