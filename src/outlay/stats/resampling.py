"""Weights of particles and the indices that survive a resampling: softmax, effective sample size, two schemes."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import exp, fsum, inf, log
from random import Random

from outlay.errors import UsageError

CLIP = 1e-7
"""Scores are kept this far from 0 and 1, so that no single one takes or loses everything."""


def logit(score: float, *, clip: float = CLIP) -> float:
    """ln(r / (1 - r)) of a score r in [0, 1], clipped to [clip, 1 - clip].

    Source: the clip of its_hub (particle-filtering, official follow-up library): 1e-7.

    Example:
        >>> round(logit(0.75), 4), round(logit(1.0), 3)
        (1.0986, 16.118)
    """
    r = min(max(score, clip), 1.0 - clip)
    return log(r / (1.0 - r))


def softmax(log_weights: Sequence[float], *, temperature: float = 1.0) -> list[float]:
    """theta_i = exp(w_i / T) / sum_j exp(w_j / T); a weight of -inf has no share.

    With w_i = logit(r_i) and T = 1 the shares are the odds r / (1 - r) over their sum. T towards 0 is the argmax, T
    towards infinity no selection.

    Args:
        log_weights: natural logs of weights, at least one of them finite.
        temperature: above 0.

    Raises:
        UsageError: no finite weight.

    Example:
        >>> [round(p, 3) for p in softmax([logit(0.5), logit(0.8)])]
        [0.2, 0.8]
    """
    most = max(log_weights, default=-inf)
    if most == -inf:
        raise UsageError("No particle has any weight.")
    parts = [exp((w - most) / temperature) for w in log_weights]
    whole = fsum(parts)
    return [p / whole for p in parts]


def effective_sample_size(theta: Sequence[float]) -> float:
    """1 / sum theta_i^2: n for equal shares, 1 where one has everything.

    Args:
        theta: shares that sum to 1.

    Source: Kong 1992; Liu 1996.

    Example:
        >>> effective_sample_size([0.5, 0.5, 0.0])
        2.0
    """
    return 1.0 / fsum(p * p for p in theta)


def multinomial(theta: Sequence[float], n: int, rng: Random) -> list[int]:
    """`n` indices drawn independently with the shares `theta`, in rising order.

    Example:
        >>> multinomial([0.0, 1.0], 3, Random(0))
        [1, 1, 1]
    """
    return _at(theta, sorted(rng.random() for _ in range(n)))


def systematic(theta: Sequence[float], n: int, rng: Random) -> list[int]:
    """`n` indices at equal distances from one random start: index i comes floor or ceil of n theta_i times.

    Unbiased like `multinomial`, with less variance: equal shares keep every particle once.

    Example:
        >>> systematic([0.25, 0.25, 0.5], 4, Random(0))
        [0, 1, 2, 2]
    """
    start = rng.random()
    return _at(theta, [(start + i) / n for i in range(n)])


SCHEMES: dict[str, Callable[[Sequence[float], int, Random], list[int]]] = {
    "multinomial": multinomial,
    "systematic": systematic,
}
"""The schemes by the name a user writes."""


def _at(theta: Sequence[float], points: Sequence[float]) -> list[int]:
    edges = list(accumulate(theta))
    # Rounding may leave the last edge below 1; only shares above 0 can be drawn.
    last = max(i for i, p in enumerate(theta) if p > 0.0)
    return [min(bisect(edges, point * edges[-1]), last) for point in points]
