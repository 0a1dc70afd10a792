"""Plan and budget: a question in parts, each with an allowance of words by its weight and place, then one answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.economics.allocation import level_budget
from outlay.framings._placing import JSON_BYTES, after_question, most_tokens
from outlay.prompts import plan_and_budget as prompts
from outlay.prompts.answer_format import bare, instruct
from outlay.run import Run
from outlay.skeletons.asking import concluded
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.pool import draws
from outlay.skeletons.set_aside import before_answer
from outlay.strategies._parts_in_words import (
    PLAN_TOKENS,
    PLANNER,
    WEIGH_TOKENS,
    Budgeted,
    budgeted,
    part_results,
)
from outlay.types import Answer, Bound, Completion, Draws, Question

NEEDS = frozenset({"chat"})
ONE_CHAIN = True
Answering = Literal["each", "together"]
"""Whether each part has a call of its own, or all share one."""
Schedule = Literal["polynomial", "linear", "constant", "exponential", "cosine"]
Words = Annotated[int, Meta(ge=1, le=100_000)]
Level = Annotated[int, Meta(ge=1, le=5)]
TokensPerWord = Annotated[float, Meta(ge=1.0, le=20.0)]
"""Tokens at which a part is cut, a word of its allowance."""
CONCLUSION_TOKENS = 256
"""Tokens for the final answer beside the parts, where all share one call."""


def bound(
    question: Question,
    *,
    answering: Answering = "each",
    schedule: Schedule = "polynomial",
    words: Words | None = None,
    level: Level | None = None,
    tokens_per_word: TokensPerWord = 2.0,
) -> Bound:
    """A plan and its weights, at most 7 parts within their words, and the answer, which may be asked for twice."""
    plan = text_bound(prompts.plan(bare(question)), question.sampling)
    weigh = text_bound(prompts.weigh(bare(question), ()), question.sampling)
    listed = prompts.MOST_PARTS * (prompts.LARGEST_PART + 10)
    planner = Draws(2, plan + weigh + JSON_BYTES * listed, PLAN_TOKENS + WEIGH_TOKENS)
    plain = text_bound(question.messages, question.sampling)
    results = prompts.MOST_PARTS * (prompts.LARGEST_RESULT + prompts.LARGEST_PART + prompts.FENCE + 40)
    read = plain + most_tokens(results + prompts.LARGEST_WORDS)
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    calls = prompts.MOST_PARTS + 1 if answering == "each" else 1
    parts = ceil(tokens_per_word * (level_budget(5) if words is None else words))
    out = parts + ceil(tokens_per_word) * prompts.MOST_PARTS if answering == "each" else 0
    return Bound({PLANNER: planner, "default": Draws(calls + 1, calls * read + plain, out + 2 * most)})


async def plan_and_budget(
    run: Run,
    question: Question,
    *,
    answering: Answering = "each",
    schedule: Schedule = "polynomial",
    words: Words | None = None,
    level: Level | None = None,
    tokens_per_word: TokensPerWord = 2.0,
) -> Answer:
    """One answer made of parts whose words were rationed: b_j = floor(q_j B), q_j by credit times schedule.

    A plan names 2 to 5 parts and the question's level, a second call gives each part its credit, B follows from the
    level. Each part is told its words and cut at `tokens_per_word` times as many tokens, so an overlong part is cut and
    says so. The answer's own price is set aside first: where the budget does not admit planning, the question is asked
    as it stands. Models plan badly below some size: then there is no plan, and it is asked as it stands too.

    Args:
        run: what to buy through; role `small` plans, the default one if none plays it.
        question: what is asked.
        answering: `each` gives every part a call and sums them up in a last one; `together` puts all allowances into
            one call.
        schedule: the weight of a part by its place; polynomial favours the first most.
        words: B; None takes 200, 250, 350, 450 or 600 by the level.
        level: of the question, 1 to 5; None takes the planner's. A data set's label would leak.
        tokens_per_word: where a part is cut; words in the prompt alone are followed loosely.

    Cost: two calls of the planner; at most 7 parts and a conclusion, each reading the question and what was found.
    Source: Plan and Budget (arXiv 2505.16122) and `junhongmit/P-and-B`: plan, weights, levels, schedules and shares.
        `each` is as the paper describes it, `together` as its code does it, without the opened thinking tag. The hard
        cut, levels stated in the plan, weights with short reasons, and equal credits where they cannot be read are
        ours.
    Example: `outlay ask "…" --kind number --strategy plan_and_budget:schedule=cosine`
    """
    own = draws(question, 1).by_role["default"]
    before = run.fork(before_answer(run, own), live=False)
    plan = await budgeted(before, question, schedule=schedule, words=words, level=level)
    run.refused, run.failure = run.refused or before.refused, run.failure or before.failure
    if plan is None:
        chain = await concluded(run, question, question)
        return await answer_of(
            run, question, chain, stopped="asked as it stands: there is no plan of two parts"
        )
    if answering == "together":
        most = ceil(tokens_per_word * sum(plan.words)) + CONCLUSION_TOKENS
        chain = await concluded(
            run, question, _with(question, prompts.together(plan.parts, plan.words)), most=most
        )
        return await answer_of(run, question, chain, stopped=_said(plan, schedule, [chain]))
    run.emit("progress", parts=len(plan.parts), words=list(plan.words))
    found = await part_results(before, question, plan, tokens_per_word)
    run.refused, run.failure = run.refused or before.refused, run.failure or before.failure
    results = [c.text for c in found]
    asked = _with(question, prompts.sum_up(plan.parts, results)) if found else question
    chain = await concluded(run, question, asked)
    chain = msgspec.structs.replace(chain, reasoning="\n\n".join(results))
    return await answer_of(run, question, chain, stopped=_said(plan, schedule, found))


def _with(question: Question, text: str) -> Question:
    """The question followed by a text, its kind's instruction last."""
    return instruct(after_question(bare(question), text))


def _said(plan: Budgeted, schedule: str, found: Sequence[Completion]) -> str:
    """The plan, and how far its words were kept to: small models ignore them."""
    used, allowed = sum(len(c.text.split()) for c in found), sum(plan.words)
    cut = sum(c.truncated for c in found)
    how = "" if plan.weighed else ", equal credits"
    shares = "/".join(map(str, plan.words))
    return (
        f"level {plan.level}: {allowed} words over {len(plan.parts)} parts ({shares}, {schedule}{how}); {used} used"
        + (f", {cut} cut" if cut else "")
    )
