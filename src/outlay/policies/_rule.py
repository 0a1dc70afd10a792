"""The planner's rule: which of several plans to buy, from a handful of figures of each."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from outlay.errors import UsageError
from outlay.policies._worth import Worth


def best_plan(
    accuracy_P: Sequence[float],
    burden_P: Sequence[float],
    most_usd_P: Sequence[float],
    worth: Worth,
    *,
    budget_usd: float | None = None,
) -> int | None:
    """The index of the plan to buy: argmax over plans of V P(right) - burden, where that is positive.

    With `worth.accuracy` it is the plan of the least burden that reaches it; with a budget and neither, the one
    that is right oftenest. Ties go to the smaller burden, then to the first. Where wrong answers cost nothing, a
    higher V never buys a plan that is right less often.

    Args:
        accuracy_P: P(right) of each plan, in [0, 1].
        burden_P: what each takes beside the worth of right answers, in dollars a question; see `burdens`.
        most_usd_P: the most that one answer of each may come to, in dollars.
        worth: what an answer is worth.
        budget_usd: the most that this answer may come to, in dollars, or None: dearer plans are left out.

    Returns:
        The index, or None: no plan fits the budget, none reaches the accuracy, or none is worth its burden.

    Raises:
        UsageError: neither value, accuracy nor budget was said.

    Cost: nothing is bought; one pass over the plans.

    Source:
        Expected-utility choice over a menu.

    Example:
        >>> one_or_four = ([0.5, 0.9], [0.01, 0.04], [0.01, 0.04])
        >>> [best_plan(*one_or_four, Worth(value_usd=v)) for v in (0.01, 0.05, 0.20)]
        [None, 0, 1]
    """
    able = [i for i, most in enumerate(most_usd_P) if budget_usd is None or most <= budget_usd]
    if worth.accuracy is not None:
        able = [i for i in able if accuracy_P[i] >= worth.accuracy]
        return min(able, key=lambda i: (burden_P[i], i), default=None)
    if worth.value_usd is None and budget_usd is not None:
        return max(able, key=lambda i: (accuracy_P[i], -burden_P[i], -i), default=None)
    if worth.value_usd is None:
        raise UsageError(
            "Say what a right answer is worth (--value-usd), or which accuracy is needed (--accuracy)."
        )
    net = [worth.value_usd * right - burden for right, burden in zip(accuracy_P, burden_P, strict=True)]
    best = max(able, key=lambda i: (net[i], -burden_P[i], -i), default=None)
    return best if best is not None and net[best] > 0 else None


def burdens(
    wrong_P: Sequence[float], cost_usd_P: Sequence[float], seconds_P: Sequence[float], worth: Worth
) -> list[float]:
    """What each plan takes beside the worth of right answers: cost + L seconds + W P(wrong), in dollars a question.

    Args:
        wrong_P: P(an answer that is wrong) of each plan, in [0, 1].
        cost_usd_P: its mean cost a question, in dollars; NaN is unknown.
        seconds_P: its mean seconds; NaN is unknown, which matters only where waiting has a price.
        worth: what a wrong answer and a second cost.

    Raises:
        UsageError: a price is unknown, or waiting has a price and a time is unknown.

    Example:
        >>> burdens([0.5], [0.01], [2.0], Worth(wrong_usd=0.1, usd_per_s=0.005))
        [0.07]
    """
    if any(isnan(cost) for cost in cost_usd_P):
        raise UsageError("A plan of the menu cannot be weighed: its price is not known.")
    if worth.usd_per_s > 0 and any(isnan(seconds) for seconds in seconds_P):
        raise UsageError("A plan of the menu cannot be weighed: how long it takes is not known.")
    return [
        cost + (worth.usd_per_s * seconds if worth.usd_per_s > 0 else 0.0) + worth.wrong_usd * wrong
        for wrong, cost, seconds in zip(wrong_P, cost_usd_P, seconds_P, strict=True)
    ]
