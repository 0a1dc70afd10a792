"""McNemar's exact test: which of two plans is right on the questions where they differ."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from outlay.errors import UsageError


class McNemar(Struct, frozen=True):
    """The questions that only one of two plans got right, and the two-sided p-value."""

    only_a: int
    only_b: int
    p_value: float
    questions: int


def mcnemar(right_a_Q: ArrayLike, right_b_Q: ArrayLike) -> McNemar:
    """min(1, 2 P(Binomial(m, 1/2) <= min(only_a, only_b))), m = only_a + only_b.

    Exact whatever the number of questions; questions on which both are right or both wrong do not matter. No
    differing question: p = 1. It equals the sign-flip test of `paired` on 0/1 values; for votes with shared
    ties, costs or several samples a question use `paired`.

    Args:
        right_a_Q: whether plan a was right, 0 or 1, one a question, at least one.
        right_b_Q: the same of plan b, in the same order of questions.

    Returns:
        The counts and the p-value.

    Raises:
        UsageError: no questions, unequal lengths, or values other than 0 and 1.

    Source:
        McNemar 1947, in its exact binomial form.

    Example:
        >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 0]).p_value
        0.125
    """
    a, b = np.asarray(right_a_Q, float), np.asarray(right_b_Q, float)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise UsageError("McNemar's test needs both plans on the same questions, at least one")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise UsageError("McNemar's test needs right or wrong (1 or 0); for other values use `paired`")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    differing = only_a + only_b
    p_value = float(binomtest(only_a, differing).pvalue) if differing else 1.0
    return McNemar(only_a, only_b, p_value, len(a))
