"""The calls of a plan within its words: plan, weigh, answer each part. What fails or is refused is left out."""

from __future__ import annotations

from math import ceil

import msgspec
from msgspec import Struct

from outlay.economics.allocation import level_budget, word_budgets
from outlay.framings._placing import after_question
from outlay.prompts import plan_and_budget as prompts
from outlay.prompts.answer_format import bare
from outlay.run import Run
from outlay.skeletons.asking import bought
from outlay.types import Completion, Question, Sampling

PLANNER = "small"
"""The role whose model plans: the default one, where none is named."""
PLAN_TOKENS, WEIGH_TOKENS = 512, 600
DEFAULT_LEVEL = 3
"""Of a question whose plan states none."""


class Budgeted(Struct, frozen=True):
    """Parts with the words that each may take."""

    parts: tuple[str, ...]
    words: tuple[int, ...]
    level: int
    weighed: bool


async def budgeted(
    run: Run, question: Question, *, schedule: str, words: int | None, level: int | None
) -> Budgeted | None:
    """The plan of a question with its words; None where there is no plan of two parts or more."""
    plain = bare(question)
    # The paper's decoding of the planner.
    said = await bought(run, prompts.plan(plain), "plan", Sampling(0.1, 0.9, PLAN_TOKENS), role=PLANNER)
    outline = prompts.read_plan(said.text) if said else None
    if outline is None or len(outline.parts) < 2:
        return None
    asked = prompts.weigh(plain, outline.parts)
    said = await bought(run, asked, "weigh", Sampling(0.1, 0.9, WEIGH_TOKENS), role=PLANNER)
    credits = prompts.read_credits(said.text, len(outline.parts)) if said else None
    level = level or outline.level or DEFAULT_LEVEL
    total = level_budget(level) if words is None else words
    shares = word_budgets(credits or [1.0] * len(outline.parts), total, schedule)
    return Budgeted(outline.parts, shares, level, credits is not None)


async def part_results(
    run: Run, question: Question, plan: Budgeted, tokens_per_word: float
) -> list[Completion]:
    """The results of the parts, one after the other; they end with the first that does not come."""
    plain, found = bare(question), list[Completion]()
    most = question.sampling.max_output_tokens
    extra = {k: v for k, v in question.sampling.extra.items() if k != "response_format"}
    for j, words in enumerate(plan.words):
        cap = min(most or 10**9, ceil(tokens_per_word * max(words, 1)))
        sampling = msgspec.structs.replace(
            question.sampling, max_output_tokens=cap, extra=extra, top_logprobs=None
        )
        text = prompts.part(plan.parts, [c.text for c in found], words)
        said = await bought(run, after_question(plain, text).messages, f"part/{j}", sampling)
        if said is None:
            break
        found.append(said)
    return found
