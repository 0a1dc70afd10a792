"""Arbitrage: the large model writes a step anew where it should write a better one, not where the draft is bad."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from outlay.errors import ProviderError, UsageError
from outlay.run import Run
from outlay.skeletons import pair, pair_rules
from outlay.skeletons.advantage import ORACLE, estimate, estimator, uncertainty, verifier
from outlay.skeletons.pair import Chain, Counts, Decision, Router
from outlay.skeletons.pair_answer import answered, bound_of_end
from outlay.skeletons.pair_rules import (
    SMALL,
    STEP_TOKENS,
    STEPS,
    FirstSteps,
    LeastTokens,
    Redraws,
    Steps,
    StepTokens,
    Thinks,
)
from outlay.skeletons.redrawing import redrawing
from outlay.skeletons.steps import SEPARATOR, Step
from outlay.skeletons.thresholds import Dial, threshold
from outlay.types import Answer, Bound, Draws, Question

NEEDS = frozenset({"chat"})
ONE_CHAIN = True
DIAL = Dial(keeps_all=10.0, keeps="low")
TAU = 0.5
"""The middle of a probability; the paper sweeps 0 to 1. The oracle's is 0: escalate where something is to be gained."""
Gain = Annotated[float, Meta(ge=-10.0, le=10.0)]
"""A threshold on an estimate of the advantage."""


def bound(
    question: Question,
    *,
    tau: Gain | None = None,
    estimator: str = "uncertainty",
    redraws: Redraws = 0,
    first_large: FirstSteps = 0,
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Bound:
    """At every step a draft and a step of the large model, and scores where the estimator needs them."""
    kept = pair_rules.rules(question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens)
    steps = min(max_steps, kept.max_tokens)
    by_role = pair_rules.worst(
        question, kept, answer_tokens=bound_of_end(thinks, False), redraws=redraws
    ).by_role
    looks = steps * {verifier.__name__: 1, ORACLE: 2}.get(estimator, 0) + (steps + redraws if redraws else 0)
    return Bound({**by_role, "verifier": Draws(looks)} if looks else by_role)


async def arbitrage(
    run: Run,
    question: Question,
    *,
    tau: Gain | None = None,
    estimator: str = "uncertainty",
    redraws: Redraws = 0,
    first_large: FirstSteps = 0,
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Answer:
    r"""One answer whose steps the large model wrote anew where the estimated advantage y of doing so was above `tau`.

    A draft that both models would get wrong is kept: rewriting it gains nothing. tau below every y gives all steps to
    the large model, above every y none.

    Args:
        run: what to buy through; the roles `small` and `large` play.
        question: what is asked.
        tau: the estimate above which the large model writes. None takes what `outlay calibrate` found for the pair,
            else 0.5 (0 for the oracle).
        estimator: `uncertainty` (the draft's own log-probabilities, no further call), `verifier` (1 - the verifier's
            score of the draft: by absolute quality), `chance` (a control), `oracle` (for experiments: the large model's
            step is always bought, and both are scored), or your own as `package.module:function`.
        redraws: a step of the large model with which the verifier scores the chain below one half is drawn again, so
            often in a chain at most, and the best scored stays; for the estimator `verifier`.
        first_large: so many steps at the beginning are the large model's.
        max_steps: the most steps.
        step_tokens: the most tokens of a step.
        min_step_tokens: a shorter step is gone on with past its separator, by the same model, before it is decided on.
        separator: what ends a step; write a line break as `\n`.
        thinks: see `speculative_reasoning`.

    Raises:
        MissingAbility: one of the models does not continue a given text, or the estimator's needs are not met.
        UsageError: there is no such estimator, it is not the one that `redraws` needs, or the temperature is 0, where a
            step is the same however often it is drawn.

    Cost: at most `max_steps` times a draft of the small model and a step of the large one, `redraws` further steps of
        the large one, and what the estimator buys.
    Source: Arbitrage (arXiv 2512.05033), section 4; ties keep the draft as in its text, where its code escalates. Its
        trained router is an estimator of your own here: no weights were published. Ours: an estimate that fails
        sends the step to the large model, `redraws`, `min_step_tokens`. Report the rank correlation of your estimator
        with the oracle's D beside that of -(draft's score): a router pays only if it beats that.
    Example: `outlay ask "17 * 23?" --model BIG --model small=SMALL --strategy arbitrage:tau=0.2`
    """
    kept = pair_rules.rules(question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens)
    _check(run, question, estimator, redraws)
    default = 0.0 if estimator == ORACLE else TAU
    least = await threshold(run, f"arbitrage:{estimator}", tau, default)

    async def weighed(run: Run, asked: Question, chain: Chain, draft: Step, counts: Counts) -> Decision:
        try:
            found = await estimate(run, asked, chain, draft, kept=kept, name=estimator, counts=counts)
        except ProviderError as failure:
            if failure.fatal:
                raise
            counts.blind += 1
            return Decision(True)
        counts.blind += found.value is None
        return Decision(found.value is None or found.value > least.value, found.value, found.written)

    counts, asked = Counts(), pair_rules.framed(question, thinks)
    chain = await pair.write(run, asked, kept, Router(after=weighed, again=redrawing(kept, redraws)), counts)
    by = f"the large model above an advantage of {least.value:g} by {estimator} ({least.whence})"
    return await answered(run, asked, kept, chain, counts, answer_by_large=False, by=by)


def _check(run: Run, question: Question, name: str, redraws: int) -> None:
    estimator(name)
    if redraws and name != verifier.__name__:
        raise UsageError(f"redraws={redraws} needs estimator=verifier; leave one of the two out.")
    if redraws and question.sampling.temperature == 0:
        raise UsageError("redraws=… draws steps again, which changes nothing at temperature 0; set another.")
    for role in (SMALL, pair_rules.LARGE):
        run.need(frozenset({"prefix"}), role=role)
    if name == uncertainty.__name__:
        run.need(frozenset({"logprobs"}), role=SMALL)
