"""What the next samples of one question are worth, given the votes that it has."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from msgspec import Struct

from outlay.stats.lead import expected_p_leads, p_leads

HORIZON = 16
"""How many further samples the value of going on looks ahead, as `adaptive` does."""
STEP = 2
"""Samples that are bought before the votes are looked at again, where the prompt is cheap."""
CONFIDENCE = 0.95
"""Where nobody says what a right answer is worth, a question is settled at this chance of its leader."""


class Next(Struct, frozen=True):
    """The best next purchase for a question: so many samples now, and what going on gains a dollar.

    The gain is in the chance of naming the model's most frequent answer.
    """

    samples: int
    rate: float


def next_samples(
    a: int,
    b: int,
    drawn: int,
    *,
    prompt_usd: float,
    sample_usd: float,
    most: int,
    value_usd: float | None,
) -> Next | None:
    """What to buy next by the highest gain a dollar over h further samples, None where none is worth buying.

    The gain is s (E[p after h more] - p), p = P(the leader is the more frequent of the two leading answers): only
    the share s = (a + b + 1) / (drawn + 1) of further samples is taken to fall on the two leaders, so a question on
    which every sample says something else does not swallow the budget. One request of h samples costs prompt + h
    outputs. With `value_usd` it must be worth that: V gain > cost. Without, a question is settled where p has reached
    0.95. Of the best h only the first two are bought before looking again (more where reading the prompt again would
    cost more than they do). A gain is about the model's most frequent answer, not about the right one.

    Args:
        a: votes of the leading answer, from 0.
        b: votes of the runner-up, 0 … a.
        drawn: samples drawn, a + b at least.
        prompt_usd: what reading the prompt once more costs.
        sample_usd: what one sample's output costs.
        most: how many further samples are allowed, from 0.
        value_usd: what a right answer is worth, None where nobody says.

    Returns:
        The best next purchase, or None.

    Source:
        Preposterior analysis as in `stats.lead.expected_p_leads`; the share s and spending by gain a dollar across
        questions (greedy, as for a fractional knapsack) are ours.

    Example:
        >>> close = next_samples(2, 2, 4, prompt_usd=0.0, sample_usd=1.0, most=8, value_usd=None)
        >>> clear = next_samples(3, 0, 3, prompt_usd=0.0, sample_usd=1.0, most=8, value_usd=None)
        >>> print(close.samples, close.rate > clear.rate)
        1 True
    """
    if value_usd is None and a and p_leads(a, b) >= CONFIDENCE:
        return None
    on_two = (a + b + 1) / (drawn + 1)
    best, rate = 0, 0.0
    for h in range(1, min(HORIZON, most) + 1):
        gain, bill = on_two * _gain(a, b, h), prompt_usd + h * sample_usd
        of_h = gain / bill if bill > 0 else float(gain > 0) * 1e300
        if (gain > 0 if value_usd is None else value_usd * gain > bill) and of_h > rate * (1 + 1e-12):
            best, rate = h, of_h
    if not best:
        return None
    step = max(STEP, ceil(prompt_usd / sample_usd)) if sample_usd > 0 else best
    return Next(min(best, step), rate)


@lru_cache(maxsize=65_536)
def _gain(a: int, b: int, h: int) -> float:
    return max(0.0, expected_p_leads(a, b, h) - max(p_leads(a, b), 0.5))
