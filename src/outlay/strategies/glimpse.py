"""Glimpse: the small model's first token of each step tells whether the large model had better write it."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from outlay.errors import ProviderError
from outlay.run import Run
from outlay.skeletons import pair, pair_rules
from outlay.skeletons.pair import Chain, Counts, Decision, Router
from outlay.skeletons.pair_answer import answered, bound_of_end
from outlay.skeletons.pair_rules import (
    SMALL,
    STEP_TOKENS,
    STEPS,
    FirstSteps,
    LeastTokens,
    Steps,
    StepTokens,
    Thinks,
)
from outlay.skeletons.signals import first_token_entropy
from outlay.skeletons.steps import SEPARATOR
from outlay.skeletons.thresholds import Dial, threshold
from outlay.types import Answer, Bound, Question

NEEDS = frozenset({"chat"})
ONE_CHAIN = True
DIAL = Dial(keeps_all=10.0, keeps="low", span=math.log(20))
TAU = 1.0
"""The code's threshold, in nats; the paper says to choose it for 20 to 30 % of steps by the large model."""
Nats = Annotated[float, Meta(ge=-1.0, le=10.0)]
"""A threshold on entropies; up to 0 every step is the large model's, above ln 20 = 2.996 none."""


def bound(
    question: Question,
    *,
    tau: Nats | None = None,
    first_large: FirstSteps = 0,
    answer_by_large: bool = True,
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Bound:
    """At every step a probe and one step of either model, and an end by the large one."""
    kept = pair_rules.rules(question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens)
    return pair_rules.worst(question, kept, small_calls=2, answer_tokens=bound_of_end(thinks, answer_by_large))


async def glimpse(
    run: Run,
    question: Question,
    *,
    tau: Nats | None = None,
    first_large: FirstSteps = 0,
    answer_by_large: bool = True,
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Answer:
    r"""One answer whose steps the large model wrote where the small one's first token had an entropy from `tau` up.

    H = -sum p ln p over the 20 likeliest first tokens, renormalised. Nothing is drafted in vain: the only price of a
    decision is one token of the small model. tau up to 0 gives every step to the large model, above ln 20 none.

    Args:
        run: what to buy through; the roles `small` and `large` play.
        question: what is asked.
        tau: the entropy in nats from which the large model writes. None takes what `outlay calibrate` found for the
            pair, else 1. Entropies of different tokenizers and templates do not compare: calibrate.
        first_large: so many steps at the beginning are the large model's.
        answer_by_large: the large model writes the last step anew where the small one wrote it.
        max_steps: the most steps.
        step_tokens: the most tokens of a step.
        min_step_tokens: a shorter step is gone on with past its separator, by the same model, before it is decided on.
        separator: what ends a step; write a line break as `\n`.
        thinks: see `speculative_reasoning`.

    Raises:
        MissingAbility: one of the models does not continue a given text, or the small one reports no log-probabilities.

    Cost: at most `max_steps` probes of one token and as many steps, and one end of at most 2,048 tokens by the large
        model.
    Source: GlimpRouter (arXiv 2601.05110) and its code: ties go to the large model, the entropy is over a renormalised
        top 20. Where the steps are the reply itself there is no closing tag to answer after, so the large model writes
        the last step anew: ours. A probe that fails sends the step to the large model, and
        `min_step_tokens`: ours.
    Example: `outlay ask "17 * 23?" --model BIG --model small=SMALL --strategy glimpse:tau=0.5 --kind number`
    """
    kept = pair_rules.rules(question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens)
    for role in (SMALL, pair_rules.LARGE):
        run.need(frozenset({"prefix"}), role=role)
    run.need(frozenset({"logprobs"}), role=SMALL)
    most = await threshold(run, "glimpse", tau, TAU)

    async def glimpsed(run: Run, asked: Question, chain: Chain, counts: Counts) -> Decision:
        counts.probes += 1
        try:
            seen = await first_token_entropy(run, asked, chain.text, role=SMALL)
        except ProviderError as failure:
            if failure.fatal:
                raise
            seen = None
        counts.blind += seen is None
        return Decision(seen is None or seen >= most.value, seen)

    counts, asked = Counts(), pair_rules.framed(question, thinks)
    chain = await pair.write(run, asked, kept, Router(before=glimpsed), counts)
    by = f"the large model from an entropy of {most.value:g} on ({most.whence})"
    return await answered(run, asked, kept, chain, counts, answer_by_large=answer_by_large, by=by)
