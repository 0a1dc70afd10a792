"""Products of two whole numbers (answer kind: number)."""

from __future__ import annotations

from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.tasks._generate import Made, generate, ordered
from outlay.tasks._item import Task


def multiplication(
    questions: int,
    seed: int,
    *,
    min_digits: Annotated[int, Meta(ge=1, le=12)] = 2,
    max_digits: Annotated[int, Meta(ge=1, le=12)] = 2,
) -> Task:
    """Questions like `What is 17 * 23?`: each factor's length is drawn evenly between the bounds.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.
        min_digits: fewest digits of a factor.
        max_digits: most digits of a factor.

    Raises:
        UsageError: the lower bound exceeds the upper one.

    Example:
        >>> multiplication(1, 0)[0].question.messages[0]["content"]
        'What is 82 * 56?'
    """
    ordered("multiplication", digits=(min_digits, max_digits))

    def factor(random: Random) -> int:
        digits = random.randint(min_digits, max_digits)
        return random.randint(2 if digits == 1 else 10 ** (digits - 1), 10**digits - 1)

    def make(random: Random) -> Made:
        a, b = factor(random), factor(random)
        return f"What is {a} * {b}?", str(a * b)

    return generate("multiplication", "number", questions, seed, make)
