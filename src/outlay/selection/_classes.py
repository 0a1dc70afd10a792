"""What the selections share: voters by answer class, and mass spread over the best classes or samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outlay.types import Choice, Pool, Sample

DIGITS = 12
"""Scores are compared to this many digits, so that sums of the same numbers in another order still tie."""


def classes(voters: Iterable[Sample]) -> dict[str, list[Sample]]:
    """The voters of each answer class."""
    found: dict[str, list[Sample]] = {}
    for sample in voters:
        if sample.key is not None:
            found.setdefault(sample.key, []).append(sample)
    return found


def scores(samples: Iterable[Sample]) -> list[float]:
    """The verdict scores of those samples that have a verdict."""
    return [s.verdict.score for s in samples if s.verdict is not None]


def drawn(pool: Pool) -> int:
    """Samples that were drawn from the model: all but the failed ones, which say nothing about its answers."""
    return sum(not s.error for s in pool.samples)


def best(rank: Mapping[str, tuple[Any, ...]], k: int = 1) -> Choice:
    """Mass 1/k on each of the k classes of highest rank; classes tied for the last places share them."""
    k = min(k, len(rank))
    if not k:
        return Choice()
    rounded = {key: tuple(round(x, DIGITS) for x in values) for key, values in rank.items()}
    last = sorted(rounded.values(), reverse=True)[k - 1]
    inside = [key for key, values in rounded.items() if values > last]
    tied = [key for key, values in rounded.items() if values == last]
    p = dict.fromkeys(inside, 1 / k) | dict.fromkeys(tied, (k - len(inside)) / len(tied) / k)
    return Choice(tuple(sorted(p.items(), key=lambda item: (-item[1], item[0]))))


def best_sample(scored: Sequence[tuple[str, float]]) -> Choice:
    """One of the samples of highest score, each as likely: a class has the share of them that is its own.

    Args:
        scored: class and score of each sample.
    """
    rounded = [(key, round(score, DIGITS)) for key, score in scored]
    highest = max((score for _, score in rounded), default=0.0)
    tied = Counter(key for key, score in rounded if score == highest)
    p = {key: count / tied.total() for key, count in tied.items()}
    return Choice(tuple(sorted(p.items(), key=lambda item: (-item[1], item[0]))))
