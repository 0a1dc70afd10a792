"""A sequential test that says when a rate has dropped; it may be looked at after every outcome."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from scipy.stats import beta

from outlay.errors import UsageError

DROPS = (0.05, 0.1, 0.2, 0.4)
"""Drops that the test bets on, in equal parts (our choice)."""
EVERY, BETS = 100, 20
"""A bet is opened every so many outcomes, so many times, since nobody knows when the drop comes (our choice)."""


class DropAlarm(Struct, frozen=True):
    """Whether a rate has dropped.

    Attributes:
        at: outcomes after which the alarm went off, or None.
        evidence: the highest e-value seen; at 1 / level of the second half of the level the alarm goes off.
        floor: the rate below which a drop is looked for: the lower bound of the reference rate.
    """

    at: int | None
    evidence: float
    floor: float


def drop_alarm(outcomes: Sequence[bool], *, right: int, of: int, level: float = 0.05) -> DropAlarm:
    r"""E_t = sum_j w_j prod_{j <= i <= t} q(x_i) / p(x_i), with an alarm once E_t >= 2 / level.

    p is the Bernoulli law at the floor, the lower Clopper-Pearson bound at level / 2 of a reference of `right` among
    `of`; q lies below it by one of `DROPS`. Bets open every `EVERY` outcomes with equal weights w, so that a late drop
    is seen too. E_t is a supermartingale while the rate is at or above the floor, so by Ville's inequality and the
    bound's own error a rate that never falls below the reference's raises an alarm with chance at most `level`,
    however long one looks. A rate that rises raises none. Drops after outcome 2,000 are seen late: take a new reference
    by then.

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
        [None, 91]
    """
    if of < 1 or not 0 <= right <= of or not 0 < level < 1:
        raise UsageError("A drop needs a reference of at least one outcome and a level between 0 and 1.")
    floor = 0.0 if right == 0 else float(beta.ppf(level / 2, right, of - right + 1))
    bets = [(q / floor, (1 - q) / (1 - floor)) for d in DROPS if (q := max(floor - d, floor / 100)) < floor]
    stakes, highest = [0.0] * len(bets), 0.0
    for t, x in enumerate(outcomes):
        opened = 1 / (BETS * len(DROPS)) if t % EVERY == 0 and t < EVERY * BETS else 0.0
        stakes = [
            min((s + opened) * (up if x else down), 1e300) for s, (up, down) in zip(stakes, bets, strict=True)
        ]
        highest = max(highest, sum(stakes))
        if highest >= 2 / level:
            return DropAlarm(t + 1, highest, floor)
    return DropAlarm(None, highest, floor)
