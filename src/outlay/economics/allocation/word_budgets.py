"""Whole words for each sub-question, by its weight and its place: the allowance that a prompt states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import cos, floor, pi

import numpy as np
from numpy.typing import NDArray

from outlay.errors import UsageError

WORDS_BY_LEVEL: Mapping[int, int] = {1: 200, 2: 250, 3: 350, 4: 450, 5: 600}
"""The paper's budget of a question by its level, in words."""

SCHEDULES: Mapping[str, Callable[[int, int], float]] = {
    "constant": lambda i, n: 1.0,
    "linear": lambda i, n: float(n - i),
    "polynomial": lambda i, n: float(n - i) ** 2,
    "exponential": lambda i, n: 0.9**i,
    "cosine": lambda i, n: 0.5 * (1 + cos(pi * i / (n - 1))) + 0.1 if n > 1 else 1.0,
}
"""Weight of sub-question i of n, i from 0: the paper's five schedules."""


def level_budget(level: int) -> int:
    """The words for a question of that level, 1 (easiest) to 5.

    Args:
        level: by the planner's own judgement; a data set's label would leak.

    Returns:
        Words.

    Raises:
        UsageError: a level outside 1 … 5.

    Source:
        Plan and Budget (arXiv 2505.16122), official code.

    Example:
        >>> level_budget(3)
        350
    """
    if level not in WORDS_BY_LEVEL:
        raise UsageError(f"a level is a whole number from 1 to 5, not {level}")
    return WORDS_BY_LEVEL[level]


def word_budgets(credits: Sequence[float], words: int, schedule: str = "polynomial") -> tuple[int, ...]:
    """b_j = floor(q_j B), the leftover words one each to the largest q_j; q_j in proportion to credit times weight.

    Args:
        credits: importance of each sub-question, from 0, in order; need not sum to 100.
        words: B, from 0.
        schedule: a name in `SCHEDULES`.

    Returns:
        Words of each sub-question, summing to B; of equal shares the earlier gets the leftover word.

    Raises:
        UsageError: no credits, a negative number, or an unknown schedule.

    Source:
        Plan and Budget (arXiv 2505.16122), official code, steps 4 and 5. Credits are normalised here: one of the
        1,000 published rows does not sum to 100.

    Example:
        >>> word_budgets([20, 30, 50], 350, "cosine")
        (172, 140, 38)
    """
    if schedule not in SCHEDULES:
        raise UsageError(f"schedule {schedule!r} is unknown; there are: {', '.join(SCHEDULES)}")
    credit = np.asarray(credits, float)
    if (
        credit.ndim != 1
        or not (np.isfinite(credit).all() and (credit >= 0).all() and credit.sum() > 0)
        or words < 0
    ):
        raise UsageError("credits and words must not be negative, and one credit must be above 0")
    n = len(credit)
    weight = credit * np.array([SCHEDULES[schedule](i, n) for i in range(n)])
    return _whole(weight / weight.sum(), words)


def e3(accuracy_percent: float, tokens: float) -> float:
    """E3 = A^2 / T: accuracy in percent squared, per token.

    Tokens of different tokenizers do not compare; use money across models.

    Args:
        accuracy_percent: mean score, 0 … 100.
        tokens: mean completion tokens, above 0, the planner's included.

    Returns:
        E3.

    Raises:
        UsageError: an argument is out of range.

    Source:
        Plan and Budget (arXiv 2505.16122), metric; its own figures leave the planner's tokens out.

    Example:
        >>> print(round(e3(90.0, 1375.0), 2))
        5.89
    """
    if not 0 <= accuracy_percent <= 100 or not 0 < tokens < float("inf"):
        raise UsageError("accuracy must be between 0 and 100 percent and tokens above 0")
    return accuracy_percent**2 / tokens


def _whole(share_J: NDArray[np.float64], words: int) -> tuple[int, ...]:
    budgets = [floor(share * words + 1e-9) for share in share_J]
    for j in np.argsort(-share_J.round(12), kind="stable")[: words - sum(budgets)]:
        budgets[j] += 1
    return tuple(budgets)
