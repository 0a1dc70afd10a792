"""The audit of a checker on labelled solutions."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.verifier_audit.measured import Labelled, Measured
from outlay.economics.verifier_audit.rates import accept_rate, price
from outlay.economics.verifier_audit.repeats import repeat_correlation
from outlay.errors import UsageError
from outlay.stats.interval import Interval


class Audit(Struct, frozen=True):
    """What an audit shows about a checker; None where it shows nothing, with the reason in `cannot_say`.

    `completeness`: P(accept | right). `soundness`: P(reject | wrong). `correlation_right` and
    `correlation_wrong`: of repeated checks of one solution. `price`: mean cost of one check. `informs`: whether it
    accepts right solutions more often than wrong ones beyond doubt.
    """

    completeness: Measured | None
    soundness: Measured | None
    correlation_right: Measured | None
    correlation_wrong: Measured | None
    price: Measured | None
    informs: bool
    cannot_say: tuple[str, ...]


def audit(
    accepts_P: ArrayLike,
    checks_P: ArrayLike,
    correct_P: ArrayLike,
    *,
    cost_P: ArrayLike | None = None,
    question_P: ArrayLike | None = None,
    level: float = 0.95,
) -> Audit:
    """Completeness, soundness, repeat correlation and price of a checker from labelled solutions.

    Rates are means over checks. No interval counts repeats of a solution, or solutions of a question, as
    independent. Unparsable verdicts are no checks: leave them out of both counts. Measured coverage at 95 %: see
    `bench/verifiers.py`.

    Args:
        accepts_P: how many checks of each labelled solution accepted it.
        checks_P: how many checks it had, from 1.
        correct_P: whether it is right, by a label that you trust.
        cost_P: what all its checks cost together, any unit of money, from 0.
        question_P: the question each solution belongs to; by default each is its own.
        level: coverage of the intervals, above 0 and below 1.

    Returns:
        The audit. Completeness, 1 - soundness and the correlations make a `solve_vs_verify.Checker`.

    Raises:
        UsageError: no solutions, unequal lengths, or a number out of range.

    Source:
        Rates as in Stroebl et al. 2024 (arXiv 2411.17501), correlation as found in traces of Singhi et al. 2025
        (arXiv 2504.01005); the intervals are ours (`rates`, `repeats`).

    Example:
        >>> found = audit([2, 2, 0, 1, 0, 0], [2] * 6, [1, 1, 1, 0, 0, 0])
        >>> print(round(found.completeness.value, 4), round(found.soundness.value, 4), found.informs)
        0.6667 0.8333 False
    """
    labelled, correct_P = _checked(accepts_P, checks_P, correct_P, question_P)
    if not 0 < level < 1:
        raise UsageError(f"level must be above 0 and below 1, not {level}")
    right, wrong = labelled.of(correct_P), labelled.of(~correct_P)
    found: dict[str, Measured | str] = {
        "completeness": accept_rate(right, level),
        "soundness": accept_rate(wrong, level),
        "repeat correlation on right solutions": repeat_correlation(right, level),
        "repeat correlation on wrong solutions": repeat_correlation(wrong, level),
        "price": "no costs were given" if cost_P is None else price(_costs(cost_P, labelled), labelled, level),
    }
    reasons = [f"{name}: {reason}" for name, reason in found.items() if isinstance(reason, str)]
    completeness, accepts_wrong, again_right, again_wrong, a_check = (
        None if isinstance(each, str) else each for each in found.values()
    )
    informs = bool(completeness and accepts_wrong and completeness.interval.low > accepts_wrong.interval.high)
    if completeness and accepts_wrong and not informs:
        reasons.append(_doubt(completeness, accepts_wrong, level))
    return Audit(
        completeness, _complement(accepts_wrong), again_right, again_wrong, a_check, informs, tuple(reasons)
    )


def _checked(
    accepts_P: ArrayLike, checks_P: ArrayLike, correct_P: ArrayLike, question_P: ArrayLike | None
) -> tuple[Labelled, NDArray[np.bool_]]:
    accepts, checks, correct = (np.asarray(x, float) for x in (accepts_P, checks_P, correct_P))
    question = np.arange(accepts.size) if question_P is None else np.asarray(question_P)
    if (
        accepts.ndim != 1
        or not accepts.size
        or len({x.shape for x in (accepts, checks, correct, question)}) > 1
    ):
        raise UsageError("an audit needs accepts, checks and a label for each of at least one solution")
    counts = np.stack([accepts, checks])
    if not np.isfinite(counts).all() or (counts % 1).any() or not ((checks >= 1) & (accepts >= 0)).all():
        raise UsageError("accepts and checks must be whole numbers, with at least one check of each solution")
    if (accepts > checks).any():
        raise UsageError("no solution can have more accepts than checks")
    if not np.isin(correct, (0, 1)).all():
        raise UsageError("correct_P must be 0 or 1: leave out solutions without a label")
    return Labelled(accepts, checks, np.unique(question, return_inverse=True)[1]), correct == 1


def _costs(cost_P: ArrayLike, labelled: Labelled) -> NDArray[np.float64]:
    cost = np.asarray(cost_P, float)
    if cost.shape != labelled.checks_P.shape or not (np.isfinite(cost).all() and (cost >= 0).all()):
        raise UsageError("every solution needs the cost of its checks, finite and not negative")
    return cost


def _doubt(completeness: Measured, accepts_wrong: Measured, level: float) -> str:
    """Why the checker may be blind, and how many labels would settle a difference of the size that is seen."""
    gap = completeness.value - accepts_wrong.value
    text = "whether it accepts right solutions more often than wrong ones: the intervals overlap"
    if gap <= 0:
        return f"{text}, and it accepted wrong ones at least as often"
    spread = sum((m.value * (1 - m.value)) ** 0.5 for m in (completeness, accepts_wrong))
    needed = ceil((NormalDist().inv_cdf((1 + level) / 2) * spread / gap) ** 2)
    return (
        f"{text}; about {needed} independent solutions of each kind would separate rates as far apart as these"
    )


def _complement(rate: Measured | None) -> Measured | None:
    if rate is None:
        return None
    low, high = 1 - rate.interval.high, 1 - rate.interval.low
    return Measured(1 - rate.value, Interval(low, high, rate.interval.level), rate.n)
