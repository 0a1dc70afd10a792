"""Scored samples as a table: how often a judge's choice among k of them is right, question by question."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError

Floats = NDArray[np.float64]


def judged(score_QS: ArrayLike, right_QS: ArrayLike) -> tuple[Floats, Floats]:
    """Scores and correctness as tables of equal shape."""
    score, right = np.asarray(score_QS, float), np.asarray(right_QS, float)
    if score.ndim != 2 or score.shape != right.shape:
        raise UsageError("judged pools need two tables of one shape: questions by samples")
    if not np.isfinite(score).all() or not ((right >= 0) & (right <= 1)).all():
        raise UsageError("judged pools need finite scores, and correctness between 0 and 1")
    if score.shape[0] < 2 or score.shape[1] < 2:
        raise CannotSay("a judge's curve needs at least two questions and two samples of each")
    return score, right


def best_scored(score_QS: Floats, right_QS: Floats) -> Floats:
    """Accuracy of the best-scored of k samples, exact over all subsets, ties shared; column k - 1.

    A sample whose score at most `upto` samples reach, `below` of them less, is the best of k in C(upto, k) - C(below,
    k) of C(n, k) subsets, shared with the upto - below samples of its score.
    """
    questions, n = score_QS.shape
    order = np.argsort(score_QS, axis=1, kind="stable")
    score, right = np.take_along_axis(score_QS, order, axis=1), np.take_along_axis(right_QS, order, axis=1)
    first = np.concatenate([np.ones((questions, 1), bool), np.diff(score, axis=1) > 0], axis=1)
    last = np.concatenate([first[:, 1:], np.ones((questions, 1), bool)], axis=1)
    place = np.arange(n)
    below = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    upto = np.minimum.accumulate(np.where(last, place + 1, n)[:, ::-1], axis=1)[:, ::-1]
    share = right / (upto - below)
    by_rank = np.zeros((questions, n + 1))
    rows = np.broadcast_to(np.arange(questions)[:, None], (questions, n))
    np.add.at(by_rank, (rows, upto), share)
    np.add.at(by_rank, (rows, below), -share)
    return by_rank @ _subsets(n)


def softly_scored(score_QS: Floats, right_QS: Floats, temperature: float, *, orders: int, seed: int) -> Floats:
    """Accuracy of a choice with weight exp(score / temperature) among k samples, over random orders; column k - 1.

    The first k of a random order are a random subset, so each order gives every k at once.
    """
    rng = np.random.default_rng(seed)
    weight = np.exp((score_QS - score_QS.max(axis=1, keepdims=True)) / temperature)
    total: Floats = np.zeros(score_QS.shape)
    for _ in range(orders):
        order = rng.random(score_QS.shape).argsort(axis=1)
        drawn = np.take_along_axis(weight, order, axis=1)
        sums = drawn.cumsum(axis=1)
        # A subset of samples far below the pool's best may have only weights that are 0 in floating point: there
        # the mean correctness stands in for the choice.
        right = np.take_along_axis(right_QS, order, axis=1)
        mean = right.cumsum(axis=1) / np.arange(1, right.shape[1] + 1)
        total += np.divide((drawn * right).cumsum(axis=1), sums, out=mean, where=sums > 0)
    # One sample is taken whatever its score, so this column needs no simulation.
    total[:, 0] = orders * right_QS.mean(axis=1)
    total /= orders
    return total


def _subsets(n: int) -> Floats:
    """C(r, k) / C(n, k) for r = 0 … n (rows) and k = 1 … n."""
    r = np.arange(n + 1, dtype=np.float64)[:, None]
    j = np.arange(n)[None, :]
    return np.cumprod(np.maximum(r - j, 0.0) / (n - j), axis=1, dtype=np.float64)
