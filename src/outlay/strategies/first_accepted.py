"""First accepted: draw until the verifier accepts one, then stop."""

from __future__ import annotations

from outlay.errors import BudgetExceeded
from outlay.run import Run
from outlay.selection.first_accepted import first_accepted as select
from outlay.skeletons.pool import answer, draws, need_kind
from outlay.types import Answer, Bound, Count, Pool, Question

NEEDS = frozenset({"chat"})


def bound(question: Question, *, n: Count = 8, width: Count = 1) -> Bound:
    """At most n draws, each verified."""
    return draws(question, n, verifications=n)


async def first_accepted(run: Run, question: Question, *, n: Count = 8, width: Count = 1) -> Answer:
    """The accepted sample of lowest index among at most n; without one it abstains (no answer).

    With an imperfect verifier the accuracy can never pass P(correct | accepted), whatever n.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: the most tries.
        width: samples drawn and verified at once. More is faster and can waste width - 1 samples.

    Cost: at most n draws and n verifications; on average 1 / P(accepted) of each at width 1.
    Source: Brown et al. 2024 (arXiv 2407.21787), section 2; Stroebl et al. 2024 (arXiv 2411.17501), abstention.
    Example: `outlay ask "…" --strategy first_accepted:n=8 --kind code --verifier "command:python check.py"`
    """
    need_kind(question, "first_accepted")
    pool = Pool(question.id, question.kind, ())
    stopped = f"none of {n} samples was accepted"
    for start in range(0, n, width):
        try:
            more = await run.sample(question, n=min(width, n - start), start=start, planned=n - start)
        except BudgetExceeded as refusal:
            if not pool.samples:
                raise
            stopped = f"the budget ended: {refusal}"
            break
        pool = await run.merge(pool, await run.score(question, more))
        run.emit("progress", drawn=len(pool.samples), most=n)
        accepted = select(pool)
        if accepted:
            stopped = f"a sample was accepted after {len(pool.samples)} of at most {n}"
            break
    verdicts = [s.verdict for s in pool.voters if s.verdict and s.verdict.accepted]
    return answer(
        run,
        question,
        pool,
        select(pool),
        stopped=stopped,
        p_correct=verdicts[0].score if verdicts else None,
        p_source="verifier score, not calibrated",
    )
