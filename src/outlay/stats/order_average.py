"""How far a probability depends on the order of interchangeable parts, and what an average over orders is worth."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, factorial, inf, log, prod, sqrt
from random import Random

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError

QUANTILE = 0.05
SMOOTHED = 1e-9
"""What stands for a probability of 0 where its logarithm is taken."""

Floats = NDArray[np.float64]


class Dispersion(Struct, frozen=True):
    """What m orders say of one probability.

    Attributes:
        mean: the average over orders, which is the answer.
        low: the lower 5 % quantile over orders (nearest rank): the least of up to 20.
        deviation: mean |q - mean|, in [0, certificate].
        certificate: sqrt(JSD / 2), which no mean deviation exceeds (Pinsker); in [0, 0.589].
        jsd: mean KL(Ber(q) || Ber(mean)), in nats; 0 if and only if all q are equal.
        error: standard error of the mean over orders, sd / sqrt(m); None for a single order.
        orders: m.
    """

    mean: float
    low: float
    deviation: float
    certificate: float
    jsd: float
    error: float | None
    orders: int


def dispersion(q_P: ArrayLike) -> Dispersion:
    """Mean, spread and certificate of the probabilities that one event has under several orders.

    Args:
        q_P: one probability an order, in [0, 1], at least one.

    Returns:
        The figures; `error` falls as 1 / sqrt(m).

    Raises:
        UsageError: none, or a number outside [0, 1].

    Source:
        Chlon et al. 2026 (arXiv 2507.11768 v2) and `leochlon/pythea`, `offline/qmv.py`. Averages are of
        probabilities, not of logits.

    Example:
        >>> d = dispersion([0.9, 0.7, 0.8, 0.6])
        >>> print(round(d.mean, 3), round(d.deviation, 3), round(d.certificate, 3), d.low)
        0.75 0.1 0.132 0.6
    """
    q = _probabilities(q_P)
    mean = float(q.mean())
    jsd = float(np.mean([divergence(float(x), mean) for x in q]))
    low = float(np.sort(q)[max(ceil(QUANTILE * len(q)) - 1, 0)])
    error = float(q.std(ddof=1)) / sqrt(len(q)) if len(q) > 1 else None
    return Dispersion(mean, low, float(np.abs(q - mean).mean()), sqrt(jsd / 2), jsd, error, len(q))


def divergence(p: float, q: float) -> float:
    """KL(Ber(p) || Ber(q)) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)), in nats; infinite where q excludes p.

    Args:
        p: a probability.
        q: a probability.

    Returns:
        From 0; terms of probability 0 are 0.

    Example:
        >>> round(divergence(0.95, 0.1), 3)
        1.994
    """
    return max(_term(p, q) + _term(1 - p, 1 - q), 0.0)


def trust_needed(low: float, tolerance: float = 0.05) -> float:
    """B2T = KL(Ber(1 - h) || Ber(q_low)): nats of evidence that lift the worst order to an error of h.

    Args:
        low: q_low, the probability under the worst orders, in [0, 1]; 0 counts as 1e-9.
        tolerance: h, above 0 and below 1.

    Returns:
        Nats; 0 where the worst order is there already.

    Raises:
        UsageError: a value out of range.

    Source:
        Chlon et al. 2025 (arXiv 2509.11208), planner. That nothing is needed from 1 - h on is its package's rule.

    Example:
        >>> [round(trust_needed(q), 3) for q in (0.02, 0.10, 0.30)]
        [3.519, 1.994, 0.963]
    """
    (q,) = _probabilities([low])
    if not 0 < tolerance < 1:
        raise UsageError(f"a tolerated error is between 0 and 1, not {tolerance}")
    return 0.0 if q >= 1 - tolerance else divergence(1 - tolerance, max(float(q), SMOOTHED))


def reachable(nats: float, mean: float) -> float:
    """p_max: the larger root p of KL(Ber(p) || Ber(mean)) = nats; 1 from -ln(mean) nats on.

    Args:
        nats: what the evidence carries, from 0.
        mean: the probability without it, averaged over orders, in [0, 1].

    Returns:
        The best success that so much evidence can give, in [mean, 1]; by bisection.

    Raises:
        UsageError: a value out of range.

    Source:
        Chlon et al. 2025 (arXiv 2509.11208), expectation-level decompression law.

    Example:
        >>> [round(reachable(nats, 0.10), 3) for nats in (0.5, 1.0, 2.0, 2.303)]
        [0.495, 0.689, 0.951, 1.0]
    """
    (q,) = _probabilities([mean])
    if not nats >= 0:
        raise UsageError(f"evidence is counted from 0 nats, not {nats}")
    if q == 0 or nats >= -log(q):
        return 0.0 if q == 0 and nats < inf else 1.0
    low, high = float(q), 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if divergence(middle, float(q)) < nats else (low, middle)
    return low


def jensen_gap(p_P: ArrayLike) -> float:
    """mean(-ln p) - (-ln mean p): what one order loses to the average in log loss on a known answer, from 0.

    Args:
        p_P: probability of the right answer under each order; 0 counts as 1e-9.

    Returns:
        Nats; 0 if and only if all are equal.

    Raises:
        UsageError: none, or a number outside [0, 1].

    Source:
        Chlon et al. 2025 (arXiv 2509.11208).

    Example:
        >>> round(jensen_gap([0.5, 0.9]), 4)
        0.0426
    """
    p = np.maximum(_probabilities(p_P), SMOOTHED)
    return max(float(-np.log(p).mean() + log(float(p.mean()))), 0.0)


def order_variance(hits_P: Sequence[int], drawn_P: Sequence[int]) -> float | None:
    """Variance of q between orders with the chance of sampling taken out; None where it cannot be told.

    var(hits / drawn) - mean of q (1 - q) / (drawn - 1), not below 0: an unbiased estimate before it is cut at 0.

    Args:
        hits_P: samples of each order that gave the answer.
        drawn_P: samples of each order that gave any; orders with fewer than two are left out.

    Returns:
        In [0, 0.5], or None with fewer than two orders left.

    Source:
        One-way analysis of variance; the paper has probabilities, where nothing need be taken out.

    Example:
        >>> order_variance([4, 0, 4, 0], [4, 4, 4, 4]), order_variance([1, 1], [1, 1])
        (0.3333333333333333, None)
    """
    kept = [(h / n, n) for h, n in zip(hits_P, drawn_P, strict=True) if n > 1]
    if len(kept) < 2:
        return None
    chance = np.mean([q * (1 - q) / (n - 1) for q, n in kept])
    return max(float(np.var([q for q, _ in kept], ddof=1) - chance), 0.0)


def orders(parts: int, most: int, bands: int, rng: Random) -> tuple[tuple[int, ...], ...]:
    """Up to `most` different orders of n parts, the given one first; each shuffles inside contiguous bands only.

    Args:
        parts: n, from 1.
        most: m, from 1; fewer where there are not so many.
        bands: K, from 1: the first n mod K bands get one part more; 1 shuffles freely.
        rng: what draws them.

    Returns:
        Permutations of range(n), all different.

    Raises:
        UsageError: a number below 1.

    Source:
        `leochlon/pythea`, `offline/qmv.py`; that no order comes twice is ours.

    Example:
        >>> orders(4, 3, 2, Random(0))
        ((0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2))
    """
    if min(parts, most, bands) < 1:
        raise UsageError("orders, parts and bands are counted from 1")
    sizes = [parts // bands + (i < parts % bands) for i in range(min(bands, parts))]
    there_are = prod(factorial(size) for size in sizes) if parts < 100 else most
    found = {tuple(range(parts)): None}
    while len(found) < min(most, there_are):
        order: list[int] = []
        for size in sizes:
            band = list(range(len(order), len(order) + size))
            rng.shuffle(band)
            order += band
        found[tuple(order)] = None
    return tuple(found)


def _term(p: float, q: float) -> float:
    if p <= 0:
        return 0.0
    return inf if q <= 0 else p * log(p / q)


def _probabilities(q_P: ArrayLike) -> Floats:
    q = np.asarray(q_P, float).reshape(-1)
    if not len(q) or not ((q >= 0) & (q <= 1)).all():
        raise UsageError("probabilities are needed, at least one, each in [0, 1]")
    return q
