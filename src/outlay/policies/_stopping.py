"""What `adaptive` buys and how often it is right, by playing its stopping rule on random orders of the samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.sub_pools._tally import one_hot, tally
from outlay.policies._pilot import Floats, Pilot
from outlay.stats.lead import expected_p_leads, p_leads
from outlay.strategies.adaptive import HORIZON

FIRST, STEP = 4, 2
"""`adaptive`'s own defaults."""
DRAWS = 64
"""Random orders of a question's samples."""


class Played(Struct, frozen=True):
    """Means over the orders, one number a question."""

    right_Q: Floats
    answered_Q: Floats
    usd_Q: Floats
    latency_s_Q: Floats
    draws_Q: Floats


def play(
    pilot: Pilot, n: int, *, confidence: float = 0.95, value_usd: float | None = None, seed: int
) -> Played:
    """The strategy `adaptive:n=…` on `DRAWS` random orders of each question's samples, labels given.

    The rule is the strategy's own, with its own functions, `first` 4 and `step` 2; a sample is priced at the
    question's mean. Each round is one request, which reads the prompt again.
    """
    votes = tally(pilot.class_QS, pilot.correct_QS if pilot.correct_QS is not None else pilot.class_QS < 0)
    questions, samples = votes.class_QS.shape
    order_QDS = np.random.default_rng(seed).random((questions, DRAWS, samples)).argsort(axis=2)[:, :, :n]
    rows = np.arange(questions)[:, None, None]
    count_QDSC = one_hot(votes.class_QS)[rows, order_QDS].cumsum(axis=2)
    price_Q = pilot.usd_QS.mean(axis=1) + pilot.prompt_usd_Q
    sizes = [min(FIRST, n), *range(FIRST + STEP, n, STEP), *([n] if n > FIRST else [])]
    going = np.ones((questions, DRAWS), bool)
    right, answered, drawn, prompts = (np.zeros((questions, DRAWS)) for _ in range(4))
    latency = np.zeros((questions, DRAWS))
    before = 0
    for size in sizes:
        prompts += going * -(-(size - before) // pilot.width)
        drawn += going * (size - before)
        latency += going * _slowest(pilot, rows, order_QDS[:, :, before:size])
        count_QDC = count_QDSC[:, :, size - 1]
        stop = going & (size >= n or _stops(count_QDC, size, n, confidence, value_usd, price_Q))
        winners = (count_QDC == count_QDC.max(axis=2, keepdims=True)) & (count_QDC > 0)
        value = (winners * votes.right_QC[:, None, :]).sum(axis=2) / np.maximum(winners.sum(axis=2), 1)
        right += stop * value
        answered += stop * winners.any(axis=2)
        going &= ~stop
        before = size
    usd = drawn * pilot.usd_QS.mean(axis=1)[:, None] + prompts * pilot.prompt_usd_Q[:, None]
    return Played(*(a.mean(axis=1) for a in (right, answered, usd, latency, drawn)))


def _slowest(pilot: Pilot, rows: NDArray, order_QDS: NDArray) -> Floats:
    if pilot.latency_s_QS is None:
        return np.full(order_QDS.shape[:2], np.nan)
    return pilot.latency_s_QS[rows, order_QDS].max(axis=2)


def _stops(
    count_QDC: Floats, size: int, n: int, confidence: float, value_usd: float | None, price_Q: Floats
) -> NDArray[np.bool_]:
    two = np.sort(np.concatenate([count_QDC, np.zeros((*count_QDC.shape[:2], 2))], axis=2), axis=2)
    a, b = two[:, :, -1].astype(int), two[:, :, -2].astype(int)
    if value_usd is None:
        return (a > 0) & (_lead(size)[a, b] >= confidence)
    return ~(value_usd * _gain(size, min(HORIZON, n - size))[a, b] > price_Q[:, None])


@lru_cache(maxsize=64)
def _lead(size: int) -> Floats:
    """max(p_leads(a, b), 1/2) for every split of `size` votes."""
    return np.array([[max(p_leads(a, b), 0.5) for b in range(size + 1)] for a in range(size + 1)])


@lru_cache(maxsize=256)
def _gain(size: int, ahead: int) -> Floats:
    """The most that one further sample adds to the chance of naming the leader, over plans of 1 … `ahead` more."""
    gain = np.zeros((size + 1, size + 1))
    for a in range(size + 1):
        for b in range(min(a, size - a) + 1):
            p = max(p_leads(a, b), 0.5)
            gain[a, b] = max(((expected_p_leads(a, b, h) - p) / h for h in range(1, ahead + 1)), default=0.0)
    return gain
