"""How large a pilot a share of the budget buys, and in which steps it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.experiments.pilot import REPEATED
from outlay.policies._pilot import FEWEST_QUESTIONS, Pilot

PILOT_SHARE = 0.2
"""The share of what is at stake that a pilot's expected bill stays within (our choice)."""
QUESTIONS_FIRST, SAMPLES_NEXT = 10, 8
"""A pilot grows to so many questions with one sample, then to so many samples of each, then further (our choice)."""
GROWTH = 3
"""How many times as many questions are asked at once as the estimate of their price rests on (our choice)."""


def pilot_size(probes: Sequence[Pilot], budget_usd: float, *, questions: int, samples: int) -> tuple[int, int]:
    """Questions and samples of the largest pilot whose expected bill is within the budget, at the probes' mean prices.

    Of S samples a question of every model costs sum over models (prompts + S outputs + (S + min(S, 3)) checks). From
    four questions with one sample, which is what the probes have and is bought whatever it costs, a pilot grows to 10
    questions, then to 8 samples, then to all questions, then to all samples: a few questions tell models apart, votes
    and cascades show from several samples on, and the rest narrows the intervals. The order is our choice. A larger
    budget never means fewer of either, so that what a smaller one drew is a part of what a larger one draws.

    Args:
        probes: what a few questions of each model came to, at one sample or more.
        budget_usd: dollars.
        questions: the most, at least 4.
        samples: the most, at least 1.

    Returns:
        (questions, samples).

    Source:
        Ours: no paper read sizes a pilot from its own first prices.
    """
    found = FEWEST_QUESTIONS, 1
    for size in _path(questions, samples):
        if size[0] * _row_usd(probes, size[1]) > budget_usd:
            break
        found = size
    return found


def _path(questions: int, samples: int) -> list[tuple[int, int]]:
    few, some = min(QUESTIONS_FIRST, questions), min(SAMPLES_NEXT, samples)
    return [
        *((q, 1) for q in range(FEWEST_QUESTIONS, few + 1)),
        *((few, s) for s in range(2, some + 1)),
        *((q, some) for q in range(few + 1, questions + 1)),
        *((questions, s) for s in range(some + 1, samples + 1)),
    ]


def next_size(have: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int] | None:
    """The next size on the way to the wanted one; None where there is no more to draw.

    The lengths of the first replies say little of the price of all, so a pilot is drawn in steps and sized anew after
    each: four questions with all samples, then three times as many questions at a time. Only the first four have their
    prompts read again for further samples; later steps take fewer samples where those came dearer, never more.

    Args:
        have: questions and samples that were drawn.
        wanted: those that the budget is now expected to buy.

    Example:
        >>> next_size((4, 1), (10, 8)), next_size((4, 8), (20, 7)), next_size((12, 7), (12, 8))
        ((4, 8), (12, 7), None)
    """
    if have[0] <= FEWEST_QUESTIONS and wanted[1] > have[1]:
        return have[0], wanted[1]
    questions = min(wanted[0], GROWTH * have[0])
    return (questions, min(have[1], wanted[1])) if questions > have[0] else None


def _row_usd(probes: Sequence[Pilot], samples: int) -> float:
    """What one question with so many samples of every model is expected to cost, checks included."""
    total = 0.0
    for p in probes:
        total += p.prompt_usd_Q.mean() * -(-samples // p.width) + p.usd_QS.mean() * samples
        if p.checks is not None:
            total += p.checks.usd_QS.mean() * (samples + min(samples, REPEATED))
    return float(total)
