"""The fixed choice of questions behind the published cost-of-pass tables."""

from __future__ import annotations

from outlay.errors import UsageError

SEED = 102217
MULTIPLIER = 279470273


def chosen_questions(n: int, most: int = 128, *, seed: int = SEED) -> tuple[int, ...]:
    """The first `most` indices of a Fisher-Yates shuffle of 0 … n - 1: from the end, j = state mod (i + 1).

    The state is multiplied by 279470273 modulo 2^32 before each step. Not a good generator: use it to meet the
    published choice, and nowhere else.

    Args:
        n: questions of the data set, from 0.
        most: how many are wanted, from 0; fewer if there are fewer.
        seed: the first state.

    Returns:
        Indices in the order of the choice.

    Raises:
        UsageError: a negative number.

    Source:
        Cost-of-Pass, Erol et al. 2025 (arXiv 2504.13359), official code.

    Example:
        >>> chosen_questions(30, 8)
        (4, 16, 26, 29, 2, 6, 14, 18)
    """
    if n < 0 or most < 0:
        raise UsageError(f"numbers of questions must not be negative, not {n} and {most}")
    order, state = list(range(n)), seed
    for i in range(n - 1, 0, -1):
        state = MULTIPLIER * state % 2**32
        j = state % (i + 1)
        order[i], order[j] = order[j], order[i]
    return tuple(order[:most])
