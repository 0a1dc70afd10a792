"""Sharpen: best of n by the model's own sequence likelihood; no verifier, no second model."""

from __future__ import annotations

from msgspec.structs import replace

from outlay.run import Run
from outlay.selection.likelihood import likelihood
from outlay.skeletons.pool import answer, draws, need_kind, vote_share
from outlay.types import Answer, Bound, Count, Question

NEEDS = frozenset({"chat", "logprobs"})


def bound(question: Question, *, n: Count = 8, normalised: bool = True) -> Bound:
    """Worst case: n draws."""
    return draws(question, n)


async def sharpen(run: Run, question: Question, *, n: Count = 8, normalised: bool = True) -> Answer:
    """The answer of the sample with the highest log-probability among n.

    It returns what the model believes, which is not what is right where the two disagree; plain sums favour short
    texts. Log-probabilities are the untempered model's; truncated samples are left out.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples.
        normalised: divide the log-probability by the number of tokens (clearly better in the paper's experiments).

    Cost: n draws.
    Source: Huang et al. 2024 (arXiv 2412.01951), inference-time best-of-N sharpening (appendix A). The paper samples
        at temperature 1; here the question's own temperature is kept, which ranks alike but changes what is drawn.
    Example: `outlay ask "17 * 23?" --strategy sharpen:n=8 --kind number`
    """
    need_kind(question, "sharpen")
    asked = question
    if question.sampling.top_logprobs is None:
        asked = replace(question, sampling=replace(question.sampling, top_logprobs=0))
    pool = await run.sample(asked, n=n)
    choice = likelihood(pool, normalised=normalised)
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=f"{n} samples drawn",
        p_correct=vote_share(pool, choice),
        p_source="vote share of the likeliest answer, not calibrated",
    )
