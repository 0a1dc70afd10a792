"""Best of majority: drop the rare answers first, then trust the verifier."""

from __future__ import annotations

from math import floor

from msgspec.structs import replace

from outlay.run import Run
from outlay.selection.best_of_majority import best_of_majority as select
from outlay.selection.best_of_majority import frequent
from outlay.skeletons.pool import answer, draws, need_kind, representative
from outlay.stats.majority_threshold import majority_threshold
from outlay.types import Answer, Bound, Count, Question, Share

NEEDS = frozenset({"chat"})


def bound(question: Question, *, n: Count = 16, k: Count = 1, alpha: Share | None = None) -> Bound:
    """Worst case: n draws and one verification of each of at most floor(1 / alpha) answers."""
    return draws(question, n, verifications=_most(n, alpha))


async def best_of_majority(
    run: Run, question: Question, *, n: Count = 16, k: Count = 1, alpha: Share | None = None
) -> Answer:
    """The best-verified answer among those that at least a share alpha of n samples gave.

    More samples never hurt, unlike best of n. Below about n = 3 / p (p the right answer's probability) the threshold
    drops right answers too: take `best_of_n` there. With k > 1 the k answers stand in `candidates`.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples.
        k: how many candidate answers to return.
        alpha: the least share of the samples that keeps an answer; default max(2 / n, 0.015).

    Cost: n draws and one verification of each kept answer, at most floor(1 / alpha); what was dropped is not paid.
    Source: Di et al. 2025 (arXiv 2510.03199), Algorithm 1. An answer is scored on its earliest sample (the paper does
        not say which text of an answer is scored: our choice, it keeps the paper's number of reward calls).
    Example: `outlay ask "17 * 23?" --strategy best_of_majority:n=16 --kind number --verifier judge`
    """
    need_kind(question, "best_of_majority")
    pool = await run.sample(question, n=n)
    kept = frequent(pool, alpha)
    pool = await run.score(question, pool, only={representative(pool, key).index for key in kept})
    choice = select(pool, alpha=alpha)
    best = representative(pool, choice.p[0][0]) if choice else None
    bought = answer(
        run,
        question,
        pool,
        choice,
        stopped=f"{n} samples drawn, {len(kept)} frequent answers verified",
        p_correct=best.verdict.score if best and best.verdict else None,
        p_source="verifier score, not calibrated",
    )
    return bought if k == 1 else replace(bought, candidates=select(pool, k=k, alpha=alpha).p)


def _most(n: int, alpha: float | None) -> int:
    threshold = majority_threshold(n) if alpha is None else alpha
    return min(n, floor(1 / threshold + 1e-9)) if threshold else n
