"""One budget over many questions, spent where the next unit buys most."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError

Floats = NDArray[np.float64]


class Allocation(Struct, frozen=True):
    """How many units each question gets, what they cost, and what they are expected to gain.

    `bound` is what no allocation of the budget exceeds; `exact` says that none is better than this one.
    """

    units_Q: tuple[int, ...]
    cost: float
    gain: float
    bound: float
    exact: bool


def allocate(gain_QK: ArrayLike, price_Q: ArrayLike, budget: float, *, least: float = 0.0) -> Allocation:
    """The units per question that maximise the sum of gains inside the budget, by falling gain per cost.

    Column k of `gain_QK` is the expected gain of k units, in any unit of value; column 0 is none. Where gains are
    concave and all prices equal the result is exact. Gains that rise late (a vote of 2 is no better than 1)
    are bought in the steps of their concave envelope. Unequal prices can leave a remainder that fits no best step;
    smaller steps then fill it, and `bound` says what that can have cost.

    A budget is a cap: steps whose gain per cost is not above `least` are not bought. With gains in money (worth
    times probability of being right) and `least` 1, exactly what pays is bought.

    Args:
        gain_QK: expected gain of 0, 1, … K units on each question, finite; column 0 must be 0.
        price_Q: price of one unit on each question, above 0; any unit of money.
        budget: the most to spend, from 0, in the same unit.
        least: gain per cost from which on nothing is bought, from 0.

    Returns:
        The allocation.

    Raises:
        UsageError: no questions, shapes that differ, or a number out of range or not finite.

    Source:
        Gross 1956 and Fox 1966 (marginal allocation); Dantzig 1957 (bound). The accounting by expected gain over a
        threshold is that of Arbitrage's oracle (arXiv 2512.05033, theorem 1).

    Example:
        >>> hard_and_easy = [[0.0, 0.1, 0.19], [0.0, 0.6, 0.84]]
        >>> allocate(hard_and_easy, [1.0, 1.0], 2.0).units_Q
        (0, 2)
    """
    gain, price = _checked(gain_QK, price_Q, budget, least)
    steps = sorted(
        (step for q in range(len(gain)) for step in _steps(q, gain[q], float(price[q]), least)),
        key=lambda step: (-step.slope, step.question, step.units),
    )
    units, left, bound, stopped = np.zeros(len(gain), np.int64), float(budget), 0.0, set()
    room = float(budget)
    for step in steps:
        bound += step.slope * min(room, step.cost)
        room = max(0.0, room - step.cost)
        fits = step.cost <= left * (1 + 1e-12)
        if step.question in stopped or not fits:
            stopped.add(step.question)
            continue
        units[step.question] += step.units
        left -= step.cost
    total = float(gain[np.arange(len(gain)), units].sum())
    exact = total >= bound - 1e-9 * max(1.0, abs(bound)) or _is_exact(gain, price, steps)
    return Allocation(tuple(units.tolist()), float(units @ price), total, max(bound, total), exact)


class _Step(Struct, frozen=True):
    question: int
    units: int
    cost: float
    slope: float


def _steps(question: int, gain_K: Floats, price: float, least: float) -> Iterator[_Step]:
    """The steps of the concave envelope of one question, single units where it is concave already."""
    corners = [0]
    for k in range(1, len(gain_K)):
        while (
            len(corners) > 1
            and _slope(gain_K, corners[-2], corners[-1]) < _slope(gain_K, corners[-1], k) - 1e-12
        ):
            corners.pop()
        corners.append(k)
    for start, end in pairwise(corners):
        slope = _slope(gain_K, start, end) / price
        if slope <= least:
            return
        yield _Step(question, end - start, (end - start) * price, slope)


def _slope(gain_K: Floats, start: int, end: int) -> float:
    return float(gain_K[end] - gain_K[start]) / (end - start)


def _is_exact(gain: Floats, price: Floats, steps: list[_Step]) -> bool:
    """Equal prices and single units: greedy is optimal although the budget holds a fraction of a unit."""
    return bool((price == price[0]).all() and all(step.units == 1 for step in steps))


def _checked(gain_QK: ArrayLike, price_Q: ArrayLike, budget: float, least: float) -> tuple[Floats, Floats]:
    gain, price = np.asarray(gain_QK, float), np.asarray(price_Q, float)
    if gain.ndim != 2 or not gain.size or price.shape != gain.shape[:1]:
        raise UsageError("an allocation needs a row of gains and a price for each of at least one question")
    if not np.isfinite(gain).all() or gain[:, 0].any():
        raise UsageError("gains must be finite, and those of no units 0")
    if not ((price > 0) & np.isfinite(price)).all():
        raise UsageError("the price of a unit must be finite and above 0")
    if not 0 <= budget < np.inf or not 0 <= least < np.inf:
        raise UsageError("the budget and the least gain per cost must be finite and not negative")
    return gain, price
