"""The try after which one more does not pay, on a curve F(N) = ceiling (1 - (1 - rate)^N)."""

from __future__ import annotations

from math import ceil, log, log1p

from outlay.errors import UsageError


def saturation_point(ceiling: float, rate: float, gain: float) -> int:
    """ceil(ln(gain / (ceiling rate)) / ln(1 - rate)): the least N after which one more try adds at most `gain`.

    0 where even the first try adds no more than that, and where the rate is 0; 1 where the rate is 1. With
    gain = price of a try / value of a right answer it is the N that maximises value F(N) - price N.

    Args:
        ceiling: the best reachable share of right answers, in [0, 1].
        rate: chance that one try is right (or that one round repairs a wrong answer), given that it can be, in
            [0, 1].
        gain: the smallest gain worth a try, above 0.

    Returns:
        The number of tries.

    Raises:
        UsageError: a value is out of its range.

    Source:
        Wang et al. 2025 (arXiv 2505.20522); reconstructed from the stated model F(N) = F_max (1 - (1 - p)^N),
        the paper's notation was not read. The paper's gain was not found,
        so there is no default here.

    Example:
        >>> saturation_point(0.9, 0.3, 0.01), saturation_point(1.0, 0.5, 0.01)
        (10, 6)
    """
    if not (0 <= ceiling <= 1 and 0 <= rate <= 1 and gain > 0):
        raise UsageError("saturation needs a ceiling and a rate in [0, 1], and a gain above 0")
    if gain >= ceiling * rate:
        return 0
    if rate == 1:
        return 1
    n = max(0, ceil(log(gain / (ceiling * rate)) / log1p(-rate)) - 1)
    # The logarithms may miss a whole number by rounding; the gain itself decides.
    while ceiling * rate * (1 - rate) ** n > gain:
        n += 1
    return n


def best_tries(
    ceiling: float, rate: float, *, value_usd: float, usd_per_try: float, usd_more_per_try: float = 0.0
) -> int:
    """The N that maximises value F(N) - sum over tries i of (usd_per_try + (i - 1) usd_more_per_try).

    Rethinking reads its own history again, so its rounds grow dearer by `usd_more_per_try`; parallel samples do
    not.

    Args:
        ceiling: the best reachable share of right answers, in [0, 1].
        rate: chance that one try is right, in [0, 1].
        value_usd: worth of a right answer, from 0.
        usd_per_try: price of the first try, above 0.
        usd_more_per_try: how much dearer each further try is, from 0.

    Returns:
        The number of tries; 0 where not even one pays.

    Raises:
        UsageError: a value is out of its range.

    Source:
        The price rule is ours.

    Example:
        >>> best_tries(0.9, 0.3, value_usd=1.0, usd_per_try=0.01)
        10
        >>> best_tries(0.9, 0.3, value_usd=1.0, usd_per_try=0.01, usd_more_per_try=0.005)
        6
    """
    if not (value_usd >= 0 and usd_per_try > 0 and usd_more_per_try >= 0):
        raise UsageError("tries need a value from 0, a price above 0 and an increase from 0")
    if value_usd == 0:
        return 0
    most = saturation_point(ceiling, rate, usd_per_try / value_usd)
    for n in range(most):
        if value_usd * ceiling * rate * (1 - rate) ** n <= usd_per_try + n * usd_more_per_try:
            return n
    return most
