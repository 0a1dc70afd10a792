"""Speculative reasoning: a small model drafts each step, the large one grades it and writes anew what it grades low."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from outlay.errors import ProviderError
from outlay.run import Run
from outlay.skeletons import pair, pair_rules
from outlay.skeletons.grading import Reading, grade, input_of_a_grade
from outlay.skeletons.pair import Chain, Counts, Decision, Router
from outlay.skeletons.pair_answer import answered, bound_of_end
from outlay.skeletons.pair_rules import (
    LARGE,
    STEP_TOKENS,
    STEPS,
    FirstSteps,
    LeastTokens,
    Steps,
    StepTokens,
    Thinks,
)
from outlay.skeletons.steps import SEPARATOR, Step
from outlay.skeletons.thresholds import Dial, threshold
from outlay.types import Answer, Bound, Question

NEEDS = frozenset({"chat"})
ONE_CHAIN = True
DIAL = Dial(keeps_all=0.0, keeps="high", span=9.0)
TAU = 7.0
"""The paper's threshold."""
Grade = Annotated[float, Meta(ge=0.0, le=10.0)]
"""A threshold on grades; above 9 nothing passes."""


def bound(
    question: Question,
    *,
    tau: Grade | None = None,
    first_large: FirstSteps = 0,
    reading: Reading = "average",
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Bound:
    """At every step a draft, a grade and a step of the large model."""
    kept = pair_rules.rules(
        question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens, closing_ends=False
    )
    drafts = pair_rules.worst(question, kept, answer_tokens=bound_of_end(thinks, False))
    large, steps = drafts.by_role[LARGE], min(max_steps, kept.max_tokens)
    asked = pair_rules.framed(question, thinks)
    read = steps * input_of_a_grade(asked, kept.max_tokens + kept.step_tokens)
    graded = msgspec.structs.replace(
        large,
        calls=large.calls + steps,
        input_tokens=large.input_tokens + read,
        output_tokens=large.output_tokens + steps,
    )
    return Bound({**drafts.by_role, LARGE: graded})


async def speculative_reasoning(
    run: Run,
    question: Question,
    *,
    tau: Grade | None = None,
    first_large: FirstSteps = 0,
    reading: Reading = "average",
    max_steps: Steps = STEPS,
    step_tokens: StepTokens = STEP_TOKENS,
    min_step_tokens: LeastTokens = 0,
    separator: str = SEPARATOR,
    thinks: Thinks = "plain",
) -> Answer:
    r"""One answer whose steps the small model wrote where the large one graded them at least `tau`.

    tau 0 keeps every draft and the text is the small model's alone; above 9 none, and it is the large model's alone at
    the price of all drafts and grades. A rejected step is paid twice: with t seconds a token, L tokens a step and
    t_V for a grade it gains time only above an acceptance of t_S / t_B + t_V / (L t_B).

    Args:
        run: what to buy through; the roles `small` and `large` play; the default model stands in for either.
        question: what is asked.
        tau: the grade, 0 to 9, from which a draft is kept. None takes what `outlay calibrate` found for the pair,
            else 7.
        first_large: so many steps at the beginning are the large model's.
        reading: `average` takes the expectation over the digits' probabilities, `greedy` the likeliest digit.
        max_steps: the most steps.
        step_tokens: the most tokens of a step.
        min_step_tokens: a shorter step is gone on with past its separator, by the same model, before it is decided on.
        separator: what ends a step; write a line break as `\n`.
        thinks: `plain` steps are the reply itself; with `asked` or `native` they are thinking between tags, which the
            large model closes and answers from.

    Raises:
        MissingAbility: one of the models does not continue a given text.

    Cost: at most `max_steps` times a draft of the small model, a grade (one token, about 70 read) and a step of the
        large model.
    Source: SpecReason (arXiv 2504.07891), section 4. The default reading is the average, theirs is greedy: thresholds
        by quantile need grades that do not lie on a few digits. Steps are cut so that kept tokens never pass the bound,
        where theirs pass it by up to one step. A grade that fails sends the step to the large model, as theirs. Their
        loop has no answer phase; here thinking between tags has one. `min_step_tokens` is ours: where a step is a line,
        grades would cost more than steps.
    Example: `outlay ask "17 * 23?" --model BIG --model small=SMALL --strategy speculative_reasoning:tau=6`
    """
    kept = pair_rules.rules(
        question, first_large, max_steps, step_tokens, separator, thinks, min_step_tokens, closing_ends=False
    )
    for role in (pair_rules.SMALL, LARGE):
        run.need(frozenset({"prefix"}), role=role)
    least = await threshold(run, "speculative_reasoning", tau, TAU)

    async def graded(run: Run, asked: Question, chain: Chain, draft: Step, counts: Counts) -> Decision:
        counts.grades += 1
        try:
            said = await grade(run, asked, chain.text + draft.text, role=LARGE, reading=reading)
        except ProviderError as failure:
            if failure.fatal:
                raise
            counts.blind += 1
            return Decision(True)
        return Decision(not said >= least.value, None if math.isnan(said) else said)

    counts, asked = Counts(), pair_rules.framed(question, thinks)
    chain = await pair.write(run, asked, kept, Router(after=graded), counts)
    by = f"kept from grade {least.value:g} on ({least.whence})"
    return await answered(run, asked, kept, chain, counts, answer_by_large=False, by=by)
