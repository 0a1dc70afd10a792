"""Weighted vote: each sample votes with its verifier score."""

from __future__ import annotations

from outlay.run import Run
from outlay.selection.weighted import weighted
from outlay.skeletons.pool import answer, draws, need_kind, share
from outlay.types import Answer, Bound, Count, Question

NEEDS = frozenset({"chat"})


def bound(question: Question, *, n: Count = 8) -> Bound:
    """Worst case: n draws and at most n verifications."""
    return draws(question, n, verifications=n)


async def weighted_vote(run: Run, question: Question, *, n: Count = 8) -> Answer:
    """The answer class with the largest sum of verifier scores over n samples; ties are drawn by the seed.

    Between a vote and best-of-n: one over-scored sample cannot win alone.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples; every one that states an answer is also verified.

    Cost: n draws and at most n verifications.
    Source: Cobbe et al. 2021 (arXiv 2110.14168) and Li et al. 2022 (arXiv 2206.02336), verifier-weighted voting.
    Example: `outlay ask "17 * 23?" --strategy weighted_vote:n=8 --kind number --verifier judge`
    """
    need_kind(question, "weighted_vote")
    pool = await run.score(question, await run.sample(question, n=n))
    choice = weighted(pool)
    top = choice.p[0][0] if choice else None
    total = sum(s.verdict.score for s in pool.voters if s.verdict)
    mass = sum(s.verdict.score for s in pool.voters if s.verdict and s.key == top)
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=f"{n} samples drawn and verified",
        p_correct=mass / total if total else share(choice, top),
        p_source="share of verifier scores, not calibrated",
    )
