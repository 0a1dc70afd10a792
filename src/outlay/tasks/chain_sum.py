"""Sums and differences of a few whole numbers (answer kind: number)."""

from __future__ import annotations

from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.tasks._generate import Made, generate, ordered
from outlay.tasks._item import Task


def chain_sum(
    questions: int,
    seed: int,
    *,
    min_terms: Annotated[int, Meta(ge=2, le=20)] = 2,
    max_terms: Annotated[int, Meta(ge=2, le=20)] = 3,
    min_digits: Annotated[int, Meta(ge=1, le=12)] = 2,
    max_digits: Annotated[int, Meta(ge=1, le=12)] = 2,
) -> Task:
    """Questions like `45 + 41 - 17 =`: terms of one length, each added or subtracted with even odds.

    The wording is that of reasoning_gym's chain_sum; the draws are outlay's own. A 0.5B model is right about
    half of the time on the defaults.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.
        min_terms: fewest numbers in a question.
        max_terms: most numbers in a question.
        min_digits: fewest digits of its numbers.
        max_digits: most digits of its numbers.

    Raises:
        UsageError: a lower bound exceeds its upper one.

    Example:
        >>> chain_sum(2, 0)[1].reference
        '42'
    """
    ordered("chain_sum", terms=(min_terms, max_terms), digits=(min_digits, max_digits))

    def make(random: Random) -> Made:
        digits = random.randint(min_digits, max_digits)
        lowest = 0 if digits == 1 else 10 ** (digits - 1)
        terms = [random.randint(lowest, 10**digits - 1) for _ in range(random.randint(min_terms, max_terms))]
        signs = [1, *(random.choice((1, -1)) for _ in terms[1:])]
        shown = str(terms[0]) + "".join(
            f" {'+' if s > 0 else '-'} {t}" for s, t in zip(signs[1:], terms[1:], strict=True)
        )
        total = sum(s * t for s, t in zip(signs, terms, strict=True))
        return f"State the final answer to the following arithmetic problem: {shown} =", str(total)

    return generate("chain_sum", "number", questions, seed, make)
