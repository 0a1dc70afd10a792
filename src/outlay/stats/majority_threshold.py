"""Below which share of the samples an answer counts as rare."""

from __future__ import annotations

from outlay.errors import UsageError


def majority_threshold(n: int, p_min: float = 0.02) -> float:
    """max(2 / n, 0.75 p_min): the least share of n samples that an answer needs to count as frequent.

    The theory's threshold is 3/4 of the right answer's probability, which nobody knows; `p_min` is the smallest
    one that the buyer wants to catch. A lone sample never passes, so below about n = 3 / p_min right answers
    are dropped too.

    Args:
        n: samples drawn, from 1.
        p_min: the smallest success rate to catch, in [0, 1].

    Returns:
        The share, above 0; above 1 for n = 1, where nothing can be frequent.

    Raises:
        UsageError: no samples, or a rate outside [0, 1].

    Source:
        Best-of-Majority, Di et al. 2025 (arXiv 2510.03199), section 4 (alpha = 3 / (4 C*)); the paper sets
        alpha by hand (0.015 at n = 100, 0.005 beyond), the rule for n and p_min is ours.

    Example:
        >>> majority_threshold(16), majority_threshold(1000)
        (0.125, 0.015)
    """
    if not (n >= 1 and 0 <= p_min <= 1):
        raise UsageError(f"a share of samples needs at least one and a rate in [0, 1], not {n} and {p_min}")
    return max(2 / n, 0.75 * p_min)
