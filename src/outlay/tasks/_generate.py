"""Generated tasks: question i depends on the task's name, the seed and i alone.

The source of chance is `random.Random` (Mersenne Twister) seeded with the text `NAME/SEED/I`, which Python
hashes with SHA-512. So the first ten of twenty questions are the ten-question task, and seeds share nothing.
Two questions may be equal by chance; their ids are not.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from outlay.errors import UsageError
from outlay.tasks._item import Item, Task, item
from outlay.types import Question

Made = tuple[str, str] | tuple[str, str, str]
"""A question text and its reference, and tests where code is asked for."""


def generate(name: str, kind: str, questions: int, seed: int, make: Callable[[Random], Made]) -> Task:
    """The task of `questions` items that `make` draws, each from a random source of its own."""
    return Task(name, tuple(_one(name, kind, seed, i, make) for i in range(questions)))


def ordered(name: str, **bounds: tuple[int, int]) -> None:
    """Check that each lower bound does not exceed its upper one.

    Args:
        name: the task.
        **bounds: the lower and the upper value of the parameters `min_KEY` and `max_KEY`.

    Raises:
        UsageError: one does.
    """
    for key, (low, high) in bounds.items():
        if low > high:
            raise UsageError(f"{name}: min_{key}={low} is above max_{key}={high}; set both.")


def _one(name: str, kind: str, seed: int, index: int, make: Callable[[Random], Made]) -> Item:
    text, reference, *tests = make(Random(f"{name}/{seed}/{index}"))
    question = Question.of(text, id=f"{name}-{seed}-{index}", kind=kind)
    return item(question, reference, tests=tests[0] if tests else "")
