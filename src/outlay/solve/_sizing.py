"""How large a pilot a share of the budget buys."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.experiments.pilot import REPEATED
from outlay.policies._pilot import FEWEST_QUESTIONS, Pilot

PILOT_SHARE = 0.2
"""The share of the budget that a pilot's expected bill stays within (our choice)."""
FEWEST_SAMPLES = 2
"""Samples below which a pilot gives up questions first: two show whether a model agrees with itself."""
GROWTH = 4
"""How many times as many samples are drawn at once as the estimate of their price rests on (our choice)."""


def pilot_size(probes: Sequence[Pilot], budget_usd: float, *, questions: int, samples: int) -> tuple[int, int]:
    """Questions and samples of the largest pilot whose expected bill is within the budget, at the probes' mean prices.

    Of S samples a question of every model costs sum over models (prompts + S outputs + (S + min(S, 3)) checks).
    Samples are given up before questions, down to two: what a plan does differs more between questions than within
    one. Then questions, down to four, then the second sample. Four questions with one sample each, which is what the
    probes have, are bought whatever they cost. The order is our choice.

    Args:
        probes: what a few questions of each model came to, at one sample or more.
        budget_usd: dollars, from 0.
        questions: the most, at least 4.
        samples: the most, at least 1.

    Returns:
        (questions, samples).

    Source:
        Ours: no paper read sizes a pilot from its own first prices.
    """
    few = min(FEWEST_SAMPLES, samples)
    for s in range(samples, few - 1, -1):
        if questions * _row_usd(probes, s) <= budget_usd:
            return questions, s
    for s in range(few, 0, -1):
        fits = int(budget_usd / _row_usd(probes, s))
        if fits >= FEWEST_QUESTIONS:
            return min(fits, questions), s
    return FEWEST_QUESTIONS, 1


def next_size(have: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int] | None:
    """The next size on the way to the wanted one, at most four times as many samples; None where have is enough.

    The lengths of the first replies say little of the price of all, so a pilot grows in steps and is sized anew after
    each. Questions grow first. One that turned out dearer than thought is not drawn further.

    Args:
        have: questions and samples that were drawn.
        wanted: those that the budget is now expected to buy.

    Example:
        >>> next_size((4, 1), (10, 16)), next_size((10, 4), (10, 16)), next_size((10, 2), (6, 2))
        ((10, 1), (10, 16), None)
    """
    if wanted[0] < have[0] or wanted[1] < have[1] or wanted == have:
        return None
    most = GROWTH * have[0] * have[1]
    questions = min(wanted[0], most)
    return questions, min(wanted[1], max(most // questions, have[1]))


def _row_usd(probes: Sequence[Pilot], samples: int) -> float:
    """What one question with so many samples of every model is expected to cost, checks included."""
    total = 0.0
    for p in probes:
        total += p.prompt_usd_Q.mean() * -(-samples // p.width) + p.usd_QS.mean() * samples
        if p.checks is not None:
            total += p.checks.usd_QS.mean() * (samples + min(samples, REPEATED))
    return float(total)
