"""How sure it is that the leading answer stays ahead of the runner-up, now and after more draws."""

from __future__ import annotations

from functools import lru_cache

from outlay.errors import UsageError


def p_leads(a: int, b: int) -> float:
    """P(Beta(a + 1, b + 1) > 1/2) = P(Binomial(a + b + 1, 1/2) <= a), exactly.

    The posterior probability, from a flat prior, that an answer seen a times is truly more frequent than one
    seen b times, other answers left out. p_leads(a, b) + p_leads(b, a) = 1; nothing seen: 1/2. Computed in
    integers and rounded once.

    Args:
        a: votes of the one answer, from 0.
        b: votes of the other, from 0.

    Returns:
        The probability, in [0, 1].

    Raises:
        UsageError: a count is negative.

    Source:
        Adaptive-Consistency, Aggarwal et al. 2023 (arXiv 2305.11860), section 3.2 (Beta stopping criterion),
        which integrates numerically; the binomial tail is the same number.

    Example:
        >>> p_leads(3, 0)
        0.9375
    """
    return _curve(a, b, 0)[0]


@lru_cache(maxsize=65_536)
def expected_p_leads(a: int, b: int, h: int) -> float:
    """E[max(p, 1 - p)] after h more draws: the sum over i of P(i) max(p, 1 - p), p = p_leads(a + i, b + h - i).

    The chance of naming the truly more frequent of two answers after h more votes, by the Beta-binomial
    predictive of the posterior Beta(a + 1, b + 1). It never falls with h (up to rounding near 1e-15), and h = 0
    gives the chance now; the difference, times what a right answer is worth, is what h more samples buy. It
    assumes that every one of the h draws falls on one of the two answers, so it is optimistic about sparse
    votes.

    Args:
        a: votes of the one answer, from 0.
        b: votes of the other, from 0.
        h: further draws, from 0.

    Returns:
        The expected probability, in [1/2, 1].

    Raises:
        UsageError: a count is negative.

    Source:
        Preposterior analysis (Raiffa and Schlaifer 1961, chapter 5) on the posterior of Aggarwal et al. 2023;
        the paper itself only stops at a threshold of `p_leads`.

    Example:
        >>> print(f"{expected_p_leads(1, 0, 0):.4f} {expected_p_leads(1, 0, 2):.4f}")
        0.7500 0.8125
    """
    curve = _curve(a, b, h)
    weight = 1.0
    for j in range(h):
        weight *= (b + 1 + j) / (a + b + 2 + j)
    expected = 0.0
    for i, p in enumerate(curve):
        expected += weight * max(p, 1.0 - p)
        if i < h:
            weight *= (h - i) * (a + 1 + i) / ((i + 1) * (b + h - i))
    return min(expected, 1.0)


def _curve(a: int, b: int, h: int) -> list[float]:
    """p_leads(a + i, b + h - i) for i = 0 … h: one running binomial sum, as the trials are the same."""
    if a < 0 or b < 0 or h < 0:
        raise UsageError(f"counts are never negative: {a}, {b}, {h}")
    trials = a + b + h + 1
    whole = 1 << trials
    term = tail = 1
    for j in range(a):
        term = term * (trials - j) // (j + 1)
        tail += term
    curve = [tail / whole]
    for j in range(a, a + h):
        term = term * (trials - j) // (j + 1)
        tail += term
        curve.append(tail / whole)
    return curve
