"""Best of n: the sample that the verifier scores highest."""

from __future__ import annotations

from outlay.run import Run
from outlay.selection.best_of import best_of
from outlay.skeletons.pool import answer, draws, need_kind, representative
from outlay.types import Answer, Bound, Count, Question

NEEDS = frozenset({"chat"})


def bound(question: Question, *, n: Count = 8) -> Bound:
    """Worst case: n draws and at most n verifications."""
    return draws(question, n, verifications=n)


async def best_of_n(run: Run, question: Question, *, n: Count = 8) -> Answer:
    """The answer of the best-scored of n samples; equal scores are drawn by the seed.

    As good as its verifier: with a biased one more samples come to hurt, as rare over-scored answers win
    (`best_of_majority` does not have that fault). Each candidate is scored as itself, identical ones too.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples; every one that states an answer is also verified.

    Cost: n draws and at most n verifications.
    Source: Cobbe et al. 2021 (arXiv 2110.14168), section 4; Brown et al. 2024 (arXiv 2407.21787).
    Example: `outlay ask "17 * 23?" --strategy best_of_n:n=8 --kind number --verifier judge`
    """
    need_kind(question, "best_of_n")
    pool = await run.score(question, await run.sample(question, n=n))
    choice = best_of(pool)
    best = representative(pool, choice.p[0][0]) if choice else None
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=f"{n} samples drawn and verified",
        p_correct=best.verdict.score if best and best.verdict else None,
        p_source="verifier score, not calibrated",
    )
