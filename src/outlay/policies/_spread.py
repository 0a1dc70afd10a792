"""One budget over many questions alike: the one or two plans that buy the most, and in which shares."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from msgspec import Struct

from outlay.economics.worth import worth_ranges


class Part(Struct, frozen=True):
    """A plan's index in the menu (None: buy nothing) and the share of the questions that it is bought for."""

    plan: int | None
    share: float


class Spread(Struct, frozen=True):
    """At most two parts, by rising cost; their shares sum to 1.

    `usd_per_right`: what one more right answer costs where the budget ends, None where it does not bind.
    """

    parts: tuple[Part, ...]
    usd_per_right: float | None = None

    def at(self, place: float) -> int | None:
        """The plan of a question at this place in [0, 1) of the questions in random order, the dearer part first."""
        dearer = self.parts[-1]
        return dearer.plan if place < dearer.share else self.parts[0].plan


def spread(
    cost_P: Sequence[float], accuracy_P: Sequence[float], budget_usd: float, value_usd: float | None = None
) -> Spread:
    """The shares w that maximise sum w (V p - c) with sum w c <= budget: at most two plans, neighbours on the envelope.

    Questions are taken to be exchangeable, so that a plan does the same for each. The budget's shadow price lambda
    makes every question buy max V p - (1 + lambda) c; at the optimum two neighbours of the upper concave envelope of
    (cost, accuracy), with buying nothing at (0, 0), are equally good and fill the budget exactly, or the plan that is
    best for V alone fits. `usd_per_right` is their break-even, V / (1 + lambda). Without a worth right answers are all
    that counts: the same as V without end. Ties go to the cheaper plan; a plan that breaks even at V is not bought.

    Args:
        cost_P: expected dollars a question of each plan, finite, from 0.
        accuracy_P: share of right answers of each plan, in [0, 1].
        budget_usd: dollars a question, from 0.
        value_usd: what a right answer is worth, from 0, or None.

    Returns:
        One part, or two where the budget lies between two plans.

    Raises:
        ValueError: unequal lengths, or a number that is not finite or out of its range.

    Source:
        Everett 1963 (generalised Lagrange multipliers); a linear programme with two constraints has a solution with
        at most two positive shares.

    Example:
        >>> found = spread([1.0, 4.0], [0.5, 0.8], budget_usd=2.5)
        >>> print([(part.plan, part.share) for part in found.parts], round(found.usd_per_right, 6))
        [(0, 0.5), (1, 0.5)] 10.0
    """
    numbers = [*cost_P, *accuracy_P, budget_usd, *(() if value_usd is None else (value_usd,))]
    if len(cost_P) != len(accuracy_P):
        raise ValueError("there is a cost and an accuracy for each plan")
    if not all(isfinite(x) and x >= 0 for x in numbers) or any(p > 1 for p in accuracy_P):
        raise ValueError("costs, budget and worth are finite and from 0 up, accuracies in [0, 1]")
    ranges = worth_ranges(cost_P, accuracy_P)
    paying = [r for at, r in enumerate(ranges) if at == 0 or value_usd is None or r.low < value_usd]
    cost = [0.0 if r.plan is None else float(cost_P[r.plan]) for r in paying]
    fits = max(at for at, usd in enumerate(cost) if usd <= budget_usd)
    if fits == len(paying) - 1:
        return Spread((Part(paying[fits].plan, 1.0),))
    share = (budget_usd - cost[fits]) / (cost[fits + 1] - cost[fits])
    cheaper, dearer = Part(paying[fits].plan, 1.0 - share), Part(paying[fits + 1].plan, share)
    return Spread((cheaper, dearer) if share > 0 else (cheaper,), paying[fits + 1].low)
