"""How sure the model itself was: the probability of the tokens that it drew, or how open its next token is."""

from __future__ import annotations

import math

from outlay.door.bounds import text_bound
from outlay.errors import BadReply
from outlay.prompts._data import LARGEST, cut
from outlay.run import Run
from outlay.skeletons.signals import RIVALS, first_token_entropy, mean_probability
from outlay.types import Bound, Draws, Question, Sample, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS = frozenset({"chat", "prefix", "logprobs"})


def bound(question: Question, *, threshold: Share = 0.5) -> Bound:
    """One token of the default model."""
    return Bound({"default": Draws(1, text_bound(question.messages, question.sampling) + LARGEST, 1)})


async def confidence(run: Run, question: Question, candidate: Sample, *, threshold: Share = 0.5) -> Verdict:
    """exp(mean log-probability) of a candidate's tokens where it carries them, else what `prefix` says of its text.

    It measures how sure the model is, not whether it is right; the two part where a model is surely wrong.

    Args:
        run: what buys the probe, where one is needed.
        question: what was asked.
        candidate: the sample.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` says which of the two it is.

    Raises:
        BadReply: the model reported no log-probabilities.
        ProviderError: the probe failed.
        BudgetExceeded: it does not fit.

    Cost: nothing where the candidate carries log-probabilities, else one output token of the default model.
    Source: token log-probabilities as in `sharpen`; the entropy of a first token is GlimpRouter's signal
        (arXiv 2601.05110). Its scale, 1 - H / ln 20, is ours.
    Example: `outlay ask "17 + 4 - 9?" --strategy beam_search:n=4 --kind number --verifier confidence`
    """
    known = mean_probability(candidate.completion.logprobs) if candidate.completion is not None else None
    if known is not None:
        return Verdict(known, known >= threshold, f"its tokens had a mean probability of {known:.3f}")
    score = await _openness(run, question, text_of(candidate))
    return Verdict(score, score >= threshold, f"1 - entropy of the next token / ln {RIVALS} is {score:.3f}")


async def prefix(run: Run, question: Question, steps: tuple[str, ...], *, threshold: Share = 0.5) -> float:
    """1 - H / ln 20, H the entropy of the first token that the default model would write next."""
    return await _openness(run, question, "".join(steps))


async def _openness(run: Run, question: Question, text: str) -> float:
    entropy = await first_token_entropy(run, question, cut(text), role="default")
    if entropy is None:
        raise BadReply("the model reported no log-probabilities of its next token", billed=True)
    return min(max(1.0 - entropy / math.log(RIVALS), 0.0), 1.0)
