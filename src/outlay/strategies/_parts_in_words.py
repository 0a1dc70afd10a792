"""The calls of a plan within its words: plan, weigh, answer each part, sum up. What fails or is refused is left out."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec
from msgspec import Struct

from outlay.economics.allocation import level_budget, word_budgets
from outlay.errors import BudgetExceeded, NoAnswer, OutlayError, ProviderError
from outlay.framings._placing import after_question
from outlay.prompts import plan_and_budget as prompts
from outlay.prompts.answer_format import bare, instruct
from outlay.run import Run
from outlay.types import Completion, Message, Question, Sampling, Usage

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


async def concluded(run: Run, question: Question, text: str, most: int | None = None) -> Completion:
    """The answer to the question followed by `text`; to the question alone, where that is refused or fails.

    Raises:
        BudgetExceeded: refused, and nothing was bought before.
        NoAnswer: nothing came back.
    """
    asked = instruct(after_question(bare(question), text)) if text else question
    sampling = question.sampling
    if most is not None:
        own = sampling.max_output_tokens
        sampling = msgspec.structs.replace(sampling, max_output_tokens=min(own or most, most))
    said = await attempted(run, asked.messages, "answer", sampling)
    if isinstance(said, BudgetExceeded) and text:
        run.notes.append(f"the answer was asked for without the parts: {said}")
        said = await attempted(run, question.messages, "answer", question.sampling)
    if isinstance(said, Completion):
        return said
    if isinstance(said, BudgetExceeded):
        run.refused = run.refused or str(said)
    if run.spent.calls:
        run.notes.append(f"the answer could not be bought: {said}")
        return Completion("", "length", Usage(0, 0))
    if isinstance(said, BudgetExceeded):
        raise said
    raise NoAnswer(f"No answer came back: {run.failure or said}.")


async def bought(
    run: Run, messages: Sequence[Message], label: str, sampling: Sampling, *, role: str = "default"
) -> Completion | None:
    """A completion, or None, with a note, where it failed or was refused."""
    said = await attempted(run, messages, label, sampling, role=role)
    if isinstance(said, Completion):
        return said
    run.notes.append(f"{label} is left out: {said}")
    if isinstance(said, BudgetExceeded):
        run.refused = run.refused or str(said)
    return None


async def attempted(
    run: Run, messages: Sequence[Message], label: str, sampling: Sampling, *, role: str = "default"
) -> Completion | OutlayError:
    """A completion or what took its place."""
    (said,) = await run.attempts(messages, role=role, label=label, sampling=sampling)
    if isinstance(said, ProviderError):
        run.failure = run.failure or said
    return said
