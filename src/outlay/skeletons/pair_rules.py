"""The rules of a chain that a small and a large model share, and the most that such a chain can cost."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.prompts.thinking import CLOSE, OPENED, ask_to_think
from outlay.skeletons.steps import SEPARATOR, separator_of
from outlay.types import Bound, Draws, Question

SMALL, LARGE = "small", "large"
STEP_TOKENS = 512
"""Cap of one step in both papers' code."""
STEPS = 48
"""The most steps of a chain unless stated (our choice; Arbitrage stops at 100)."""

Thinks: TypeAlias = Literal["plain", "asked", "native"]
"""Whether the steps are the reply itself, or thinking between tags (asked for, or by the model itself)."""
Steps: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
"""A number of steps."""
FirstSteps: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
"""A number of steps at the beginning."""
StepTokens: TypeAlias = Annotated[int, Meta(ge=1, le=100_000)]
"""The cap of one step."""
Redraws: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
"""The most further draws of a chain's steps."""
LeastTokens: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
"""The least tokens of a step; 0 takes each as it comes."""


class Rules(Struct, frozen=True):
    """How a chain is written, whoever writes.

    `max_tokens` bounds the kept text; `separator` ends a step.
    """

    max_tokens: int
    first_large: int = 0
    max_steps: int = STEPS
    step_tokens: int = STEP_TOKENS
    separator: str = SEPARATOR
    thinks: Thinks = "plain"
    closing_ends: bool = True
    """Whether the closing tag alone ends the thinking; else it is removed until an answer was stated."""
    least_tokens: int = 0
    """Shorter steps are gone on with until they have so many tokens."""


def rules(
    question: Question,
    first_large: int,
    max_steps: int,
    step_tokens: int,
    separator: str,
    thinks: Thinks,
    least_tokens: int,
    *,
    closing_ends: bool = True,
) -> Rules:
    r"""The rules within the question's own output bound; `\n` in a separator is a line break."""
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    parted = separator_of(separator)
    cap = min(step_tokens, most)
    return Rules(most, first_large, max_steps, cap, parted, thinks, closing_ends, min(least_tokens, cap))


def worst(
    question: Question, kept: Rules, *, small_calls: int = 1, answer_tokens: int = 0, redraws: int = 0
) -> Bound:
    """The worst case: at every step a draft and a whole step of the large model, each after the longest prefix.

    Args:
        question: what is asked.
        kept: the rules of the chain.
        small_calls: calls of the small model a step, its draft included; a draft in pieces is one more for each.
        answer_tokens: cap of an answer that the large model writes at the end; 0 for none.
        redraws: further draws of the large model's steps.
    """
    asked = framed(question, kept.thinks)
    prefix = kept.max_tokens + kept.step_tokens + len(OPENED.encode()) + len(CLOSE.encode()) + 4
    text = text_bound(asked.messages, asked.sampling) + prefix
    steps = min(kept.max_steps, kept.max_tokens)
    pieces = max(kept.least_tokens, 1)
    small = steps * (small_calls - 1 + pieces)
    large = (steps + redraws) * pieces + (answer_tokens > 0)
    return Bound(
        {
            SMALL: Draws(small, small * text, steps * (kept.step_tokens + small_calls - 1)),
            LARGE: Draws(large, large * text, (steps + redraws) * kept.step_tokens + answer_tokens),
        }
    )


def framed(question: Question, thinks: Thinks) -> Question:
    """The question as both models are to see it."""
    return ask_to_think(question) if thinks == "asked" else question
