"""A sequential test that says when a rate has dropped; it may be looked at after every outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy.stats import beta

from outlay.errors import UsageError

DROPS = (0.05, 0.1, 0.2)
"""Drops that the test bets on, in equal parts (our choice)."""
EVERY, BETS = 200, 5
"""A bet is opened every so many outcomes, so many times, since nobody knows when the drop comes (our choice)."""
FLOOR_SHARE = 0.8
"""The part of the level that the bound on the reference takes: it costs less there than in the bets (our choice)."""


class DropAlarm(Struct, frozen=True):
    """Whether a rate has dropped.

    Attributes:
        at: outcomes after which the alarm went off, or None.
        evidence: the highest e-value seen until then; at 1 / (level / 5) the alarm goes off.
        floor: the rate below which a drop is looked for: the lower bound of the reference rate.
    """

    at: int | None
    evidence: float
    floor: float


def drop_alarm(outcomes: Sequence[bool], *, right: int, of: int, level: float = 0.05) -> DropAlarm:
    r"""E_t = sum_j w_j prod_{j <= i <= t} q(x_i) / p(x_i), with an alarm once E_t >= 5 / level.

    p is the Bernoulli law at the floor, the lower Clopper-Pearson bound at 4/5 of the level of a reference of `right`
    among `of`; q lies below it by one of `DROPS`. Bets open every `EVERY` outcomes with equal weights w, so that a late
    drop is seen too. E_t is a supermartingale while the rate is at or above the floor, so by Ville's inequality and the
    bound's own error a rate that never falls below the reference's raises an alarm with chance at most `level`,
    however long one looks at outcomes after one reference. A rate that rises raises none. Drops after outcome 1,000 are
    seen late: take a new reference by then; each reference is a test of its own.

    Args:
        outcomes: after the reference, in order.
        right: successes in the reference, 0 … of.
        of: outcomes in the reference, from 1.
        level: the most that the chance of a false alarm may be, in (0, 1).

    Returns:
        Where the alarm goes off first, and the evidence.

    Raises:
        UsageError: an empty reference, or counts or a level out of range.

    Source:
        Bets against a hypothesis and Ville's inequality: Shafer 2021 (arXiv 1903.06991); mixing over starting times as
        in e-detectors, Shin, Ramdas & Rinaldo 2022 (arXiv 2203.03532), here with weights that sum to one, which bounds
        the chance of any false alarm instead of their average delay. Reference, drops and weights are our choice.

    Example:
        >>> steady = [i % 10 > 0 for i in range(400)]
        >>> fallen = [i % 5 > 0 for i in range(400)]
        >>> print([drop_alarm(x, right=380, of=400).at for x in (steady, fallen)])
        [None, 76]
    """
    if of < 1 or not 0 <= right <= of or not 0 < level < 1:
        raise UsageError("A drop needs a reference of at least one outcome and a level between 0 and 1.")
    floor = 0.0 if right == 0 else float(beta.ppf(FLOOR_SHARE * level, right, of - right + 1))
    if floor == 0 or not outcomes:
        return DropAlarm(None, 0.0, floor)
    evidence_T = _evidence(np.asarray(outcomes, dtype=bool), floor)
    reached = np.flatnonzero(evidence_T >= 1 / ((1 - FLOOR_SHARE) * level))
    if reached.size:
        return DropAlarm(int(reached[0]) + 1, float(evidence_T[reached[0]]), floor)
    return DropAlarm(None, float(evidence_T.max()), floor)


def _evidence(x_T: np.ndarray, floor: float) -> np.ndarray:
    """E after each outcome: what all open bets, at equal stakes, have grown to."""
    q_D = np.maximum(floor - np.array(DROPS), floor / 100)[:, None]
    won_DT = np.where(x_T, np.log(q_D / floor), np.log((1 - q_D) / (1 - floor)))
    grown_DT = np.cumsum(won_DT, axis=1)
    evidence_T = np.zeros(len(x_T))
    for opened in range(0, min(len(x_T), EVERY * BETS), EVERY):
        since_DT = grown_DT[:, opened:] - (grown_DT[:, opened - 1, None] if opened else 0.0)
        # What lies beyond 1e300 is an alarm at any level.
        evidence_T[opened:] += np.exp(np.minimum(since_DT, 690.0)).mean(axis=0) / BETS
    return evidence_T
