"""Adaptive: draw on while one more sample is worth its price, or to a stated confidence."""

from __future__ import annotations

from collections import Counter

from outlay.errors import BudgetExceeded, UnknownPrice
from outlay.money import nusd
from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer, draws, need_kind, price_of_one_more, vote_share
from outlay.stats.lead import expected_p_leads, p_leads
from outlay.types import Answer, Bound, Count, Pool, Positive, Question, Share

NEEDS = frozenset({"chat"})
HORIZON = 16
"""How many further samples the value of going on looks ahead."""


def bound(
    question: Question,
    *,
    n: Count = 32,
    first: Count = 4,
    step: Count = 2,
    confidence: Share = 0.95,
    value_usd: Positive | None = None,
) -> Bound:
    """At most n draws."""
    return draws(question, n)


async def adaptive(
    run: Run,
    question: Question,
    *,
    n: Count = 32,
    first: Count = 4,
    step: Count = 2,
    confidence: Share = 0.95,
    value_usd: Positive | None = None,
) -> Answer:
    """The plurality answer of as many samples as pay, at most n.

    With `value_usd` it goes on while, for some h up to 16, V (E[p after h more] - p now) > h x price of a sample,
    where p is the chance that the leading answer is the model's most frequent one (not that it is right: a model
    that is mostly wrong stays wrong). Without it, until that chance reaches `confidence`. Decisions are taken on whole
    prefixes of the sample index, so they do not depend on which sample arrives first.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: the most samples.
        first: samples drawn before the first decision; 4 is the least at which unanimity passes 0.95.
        step: samples drawn between decisions; more is faster and can overshoot by step - 1.
        confidence: the chance to reach, used without `value_usd`.
        value_usd: what a right answer is worth, in dollars.

    Cost: between first and n draws.
    Source: Aggarwal et al. 2023 (arXiv 2305.11860), Beta criterion; the price-aware rule is ours (one-stage
        preposterior analysis over the two leading answers).
    Example: `outlay ask "17 * 23?" --strategy adaptive:value_usd=0.01 --kind number`
    """
    need_kind(question, "adaptive")
    pool = Pool(question.id, question.kind, ())
    stopped = ""
    while not stopped:
        drawn = len(pool.samples)
        size = min(first if not drawn else step, n - drawn)
        try:
            more = await run.sample(question, n=size, start=drawn, planned=n - drawn)
        except BudgetExceeded as refusal:
            if not drawn:
                raise
            stopped = f"the budget ended after {drawn} samples: {refusal}"
            break
        pool = await run.merge(pool, more)
        run.emit("progress", drawn=len(pool.samples), most=n)
        stopped = _why_stop(run, pool, n, confidence, value_usd)
    choice = vote(pool)
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=stopped,
        p_correct=vote_share(pool, choice),
        p_source="vote share, not calibrated",
    )


def _why_stop(run: Run, pool: Pool, n: int, confidence: float, value_usd: float | None) -> str:
    """Why buying stops here, or an empty string to go on."""
    drawn = len(pool.samples)
    counts = [c for _, c in Counter(s.key for s in pool.voters).most_common(2)] + [0, 0]
    a, b = counts[0], counts[1]
    p = max(p_leads(a, b), 0.5)
    if value_usd is None:
        if a and p >= confidence:
            return f"the leading answer is the most frequent one with probability {p:.3f} after {drawn} samples"
    else:
        price = price_of_one_more(run, pool)
        if price is None and len(pool.failures) < drawn:
            raise UnknownPrice(
                "adaptive cannot weigh a sample against value_usd: this model has no known price; set "
                "one in outlay.toml or use confidence instead."
            )
        worth = nusd(value_usd)
        ahead = range(1, min(HORIZON, n - drawn) + 1)
        if price is not None and not any(worth * (expected_p_leads(a, b, h) - p) > h * price for h in ahead):
            return (
                f"one more sample is not worth its price after {drawn} samples (p {p:.3f})"
                if drawn < n
                else _all(n)
            )
    return _all(n) if drawn >= n else ""


def _all(n: int) -> str:
    return f"all {n} samples drawn"
