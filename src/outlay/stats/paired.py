"""Two plans on the same questions: the mean difference, its interval, and a permutation test."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means

EXACT_UP_TO = 14
"""Differing questions up to which all sign patterns are counted (16,384 of them)."""
DRAWS = 10_000
"""Random sign patterns beyond that."""
BLOCK = 100
"""Patterns held at once, so that they stay in the processor's cache."""
RESAMPLES = 2000
"""Bootstrap draws of the interval."""


class Paired(Struct, frozen=True):
    """How much better b is than a: mean of b - a over `questions`, with an interval and a two-sided p-value."""

    difference: float
    interval: Interval
    p_value: float
    questions: int


def paired(a_Q: ArrayLike, b_Q: ArrayLike, *, seed: int, level: float = 0.95) -> Paired:
    """mean(b_Q - a_Q) with a bootstrap interval over questions and a two-sided sign-flip permutation p-value.

    Under the null hypothesis each question's difference is symmetric about 0, so its sign may be flipped. The
    p-value is exact while at most 14 questions differ; beyond that it is (1 + hits) / (1 + 10,000) over random
    flips, never below 1e-4, and valid. Questions without a difference do not matter to it. No difference at
    all: p = 1. One question says nothing about others: its interval has no ends.

    Args:
        a_Q: one number a question (accuracy in [0, 1], a cost, …), finite, at least one question.
        b_Q: the same of the other plan, in the same order of questions.
        seed: seed of the bootstrap and of the random flips.
        level: coverage of the interval.

    Returns:
        The comparison.

    Raises:
        UsageError: no questions, unequal lengths, numbers that are not finite, or a level outside (0, 1).

    Cost:
        Time linear in questions; the flips cost draws x different sizes of difference, so 0/1 values are nearly
        free.

    Source:
        Fisher's randomisation test; paired questions after Miller 2024 (arXiv 2411.00640), section 4.

    Example:
        >>> paired([0, 0, 0, 0, 1], [1, 1, 1, 1, 1], seed=1).p_value
        0.125
    """
    a, b = np.asarray(a_Q, float), np.asarray(b_Q, float)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise UsageError("paired plans need the same questions, at least one")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("paired plans need a finite number of each question: leave out those without one")
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    difference_Q = b - a
    interval = _interval(difference_Q, level, seed)
    return Paired(float(difference_Q.mean()), interval, _sign_flip(difference_Q, seed), len(a))


def _interval(difference_Q: NDArray[np.float64], level: float, seed: int) -> Interval:
    if len(difference_Q) == 1:
        return Interval(-np.inf, np.inf, level)
    means_D = resampled_means(difference_Q, draws=RESAMPLES, seed=seed)[:, 0]
    tail = (1 - level) / 2
    low, high = np.quantile(means_D, tail, method="lower"), np.quantile(means_D, 1 - tail, method="higher")
    return Interval(float(low), float(high), level)


def _sign_flip(difference_Q: NDArray[np.float64], seed: int) -> float:
    moved = difference_Q[difference_Q != 0]
    m = len(moved)
    if m == 0:
        return 1.0
    # Sums of the same numbers in another order may differ in the last bits and are still the same outcome.
    seen = abs(moved.sum()) - 1e-9 * np.abs(moved).sum()
    if m <= EXACT_UP_TO:
        flips = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
        return float((np.abs((1 - 2 * flips) @ moved) >= seen).mean())
    rng = np.random.default_rng(seed)
    sizes, counts = np.unique(np.abs(moved), return_counts=True)
    few = 4 * len(sizes) <= m
    blocks = (_by_number(rng, sizes, counts) if few else _one_by_one(rng, moved) for _ in range(DRAWS // BLOCK))
    hits = sum(int((np.abs(sums) >= seen).sum()) for sums in blocks)
    return (1 + hits) / (1 + DRAWS)


def _by_number(
    rng: np.random.Generator, sizes: NDArray[np.float64], counts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Sums under random signs: of equal sizes only the number of pluses matters, and it is binomial."""
    return (2 * rng.binomial(counts, 0.5, size=(BLOCK, len(sizes))) - counts) @ sizes


def _one_by_one(rng: np.random.Generator, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums under random signs, one bit each."""
    packed = rng.integers(256, size=(BLOCK, -(-len(moved) // 8)), dtype=np.uint8)
    return 2 * (np.unpackbits(packed, axis=1, count=len(moved)) @ moved) - moved.sum()
