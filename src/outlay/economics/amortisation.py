"""When paying once, offline, pays back over later uses: notes on a context, demonstrations, a fitted model."""

from __future__ import annotations

from math import ceil, inf, isfinite, log1p

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from outlay.errors import CannotSay, UsageError
from outlay.stats.interval import Interval
from outlay.stats.studentized import studentized


class Investment(Struct, frozen=True):
    """Paid once, `offline`, so that a use costs `per_use` where it cost `baseline`; all in one unit.

    A use counts while the investment still holds: `keep` is the chance, from one use to the next, that it does
    (the context is unchanged, the task mix has not drifted). n planned uses are then worth
    U(n) = 1 + keep + … + keep^(n-1) uses; with keep = 1, n. Price everything that a use adds, the input tokens
    of the notes too; count failed offline work in `offline`.

    Attributes:
        offline: what is paid once, from 0.
        baseline: cost of one use without it, from 0.
        per_use: cost of one use with it, from 0.
        keep: chance that it outlives one more use, in [0, 1].

    Source:
        Sleep-time compute, Lin et al. 2025 (arXiv 2504.13171), section 5.3: s / N + t b against t B; in-context
        distillation, Sarukkai et al. 2025 (arXiv 2512.02543): D_0 / (C_T - C_M). `keep` is ours.

    Example:
        >>> notes = Investment(offline=1000, baseline=10 * 250, per_use=10 * 50)
        >>> print([notes.cost_per_use(n) for n in (1, 2, 10)], notes.break_even().uses)
        [1500.0, 1000.0, 600.0] 0.5
    """

    offline: float
    baseline: float
    per_use: float
    keep: float = 1.0

    def __post_init__(self) -> None:
        if not all(isfinite(v) and v >= 0 for v in (self.offline, self.baseline, self.per_use)):
            raise UsageError("The costs of an investment must be finite numbers from 0.")
        if not 0 <= self.keep <= 1:
            raise UsageError(f"The chance to outlive a use must be in [0, 1], not {self.keep}.")

    def worth_uses(self, uses: int) -> float:
        """U(n) = (1 - keep^n) / (1 - keep): how many uses n planned ones are worth; n where keep is 1.

        Args:
            uses: n, from 0.

        Returns:
            Uses, at most n.

        Raises:
            UsageError: a negative n.
        """
        if uses < 0:
            raise UsageError(f"Uses are counted from 0, not {uses}.")
        return float(uses) if self.keep == 1 else (1 - self.keep**uses) / (1 - self.keep)

    def cost_per_use(self, uses: int) -> float:
        """Offline / n + per_use + the share of uses after its loss at the baseline: the mean cost of n uses.

        Falls in n with keep = 1, towards `per_use`.

        Args:
            uses: n, from 1.

        Returns:
            Cost in the unit of the investment.

        Raises:
            UsageError: n below 1.
        """
        if uses < 1:
            raise UsageError(f"A mean over uses needs at least one, not {uses}.")
        return self.baseline - self.saving(uses) / uses

    def saving(self, uses: int) -> float:
        """U(n) (baseline - per_use) - offline: what n planned uses save in all; negative before break-even.

        Args:
            uses: n, from 0.

        Returns:
            Saving in the unit of the investment.

        Raises:
            UsageError: a negative n.

        Example:
            >>> demonstrations = Investment(offline=500 * 0.059, baseline=0.059, per_use=0.024)
            >>> print(round(demonstrations.saving(1_000_000), 2))
            34970.5
        """
        return self.worth_uses(uses) * (self.baseline - self.per_use) - self.offline

    def break_even(self) -> BreakEven:
        """n* with saving(n*) = 0: log(1 - s (1 - keep) / d) / log(keep), s / d with keep = 1, d the saving a use.

        Infinite where a use saves nothing, and where even endless uses are worth too few: s (1 - keep) >= d.
        Nothing paid breaks even at 0, if a use saves anything.

        Returns:
            The number of uses as a real number and as the first whole one.

        Example:
            >>> Investment(offline=29.5, baseline=0.059, per_use=0.024).break_even().first
            843
        """
        saved = self.baseline - self.per_use
        if saved <= 0 or self.offline * (1 - self.keep) >= saved:
            # With keep = 0 there is exactly one use: it may pay for itself to the cent.
            once = saved > 0 and self.keep == 0 and self.offline <= saved
            return BreakEven(1.0, 1) if once else BreakEven(inf, None)
        uses = self.offline / saved
        if 0 < self.keep < 1:
            uses = log1p(-uses * (1 - self.keep)) / log1p(self.keep - 1)
        # A billionth less: what divides without remainder in dollars need not do so in floats.
        return BreakEven(uses, ceil(uses * (1 - 1e-9)))


class BreakEven(Struct, frozen=True):
    """The uses at which an investment has paid back, and the first whole number of them; inf and None: never.

    Attributes:
        uses: real number from 0; it saves for more uses than that.
        first: the first whole number of uses at which the saving is not negative.
    """

    uses: float
    first: int | None


class MeasuredBreakEven(Struct, frozen=True):
    """A break-even from measured costs, with its interval; an infinite upper end: it may never pay back."""

    break_even: BreakEven
    interval: Interval


def measured_break_even(
    offline: float,
    baseline_Q: ArrayLike,
    per_use_Q: ArrayLike,
    *,
    seed: int,
    keep: float = 1.0,
    level: float = 0.95,
    draws: int = 2000,
) -> MeasuredBreakEven:
    """The break-even of an investment of known price whose saving a use was measured on paired questions.

    The interval is that of the mean saving a use (bootstrap-t over questions), put through the break-even. Where
    its lower end saves nothing, the upper one here is infinite; where both do, both are: the data say that it does
    not pay, not how long it would take.

    Args:
        offline: what is paid once, from 0.
        baseline_Q: cost of each question without it.
        per_use_Q: cost of the same question with it.
        seed: seed of the bootstrap.
        keep: as in `Investment`.
        level: coverage aimed at.
        draws: bootstrap draws.

    Returns:
        The break-even at the mean costs, with its interval in uses.

    Raises:
        UsageError: unequal lengths, or a cost that is negative or not finite.
        CannotSay: fewer than two questions.

    Source:
        Ours; the papers give point values.

    Example:
        >>> measured = measured_break_even(10.0, [2.0, 3.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], seed=1)
        >>> print(round(measured.break_even.uses, 3), measured.interval.low, measured.interval.high)
        6.667 5.0 10.0
    """
    baseline, per_use = np.asarray(baseline_Q, float), np.asarray(per_use_Q, float)
    if baseline.ndim != 1 or baseline.shape != per_use.shape:
        raise UsageError("The cost with and without the investment must be of the same questions.")
    if len(baseline) < 2:
        raise CannotSay("The break-even of one question has no interval; measure at least two.")

    if not (np.isfinite([baseline, per_use]).all() and min(baseline.min(), per_use.min()) >= 0):
        raise UsageError("The costs of an investment must be finite numbers from 0.")
    saved = studentized(baseline - per_use, seed=seed, level=level, draws=draws)
    # The break-even depends on the saving a use alone, and falls in it.
    soonest, latest = (
        Investment(offline, max(s, 0.0), 0.0, keep).break_even().uses for s in (saved.high, saved.low)
    )
    whole = Investment(offline, float(baseline.mean()), float(per_use.mean()), keep).break_even()
    return MeasuredBreakEven(whole, Interval(soonest, latest, level))
