"""The plans on offer, and what a pilot shows of each: how often right, at which cost, in which time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.errors import UsageError
from outlay.policies._pilot import Floats, Pilot, checked
from outlay.policies._plans import cascades, of_model, price_of_one
from outlay.policies._worth import Worth
from outlay.types import Plan


class Entry(Struct, frozen=True):
    """One plan of a menu. `models` are those that it asks; `n` is the most samples of the first."""

    name: str
    plan: Plan
    models: tuple[str, ...]
    n: int

    @property
    def family(self) -> tuple[str, ...]:
        """What plans share that differ in their samples or their stopping rule alone."""
        return (*self.models, self.plan.strategy, self.plan.verifier or "")


class Beliefs(Struct, frozen=True):
    """What is known of each entry of a menu, one row a question and one column an entry.

    `right_QP` and `answered_QP` are probabilities (a plan that abstains answers less often than always);
    `latency_s_QP` is NaN where no time is known. `most_usd_P` is the dearest that the plan came to on one question
    with all its samples drawn.
    """

    right_QP: Floats
    answered_QP: Floats
    usd_QP: Floats
    latency_s_QP: Floats
    most_usd_P: Floats

    @property
    def questions(self) -> int:
        """The number of questions."""
        return len(self.right_QP)

    def columns(self, kept: Sequence[int]) -> Beliefs:
        """The same of some entries."""
        k = list(kept)
        return Beliefs(
            self.right_QP[:, k],
            self.answered_QP[:, k],
            self.usd_QP[:, k],
            self.latency_s_QP[:, k],
            self.most_usd_P[k],
        )


def menu_of(
    pilots: Sequence[Pilot], *, value_usd: float | None = None, most: int | None = None, seed: int = 0
) -> tuple[tuple[Entry, ...], Beliefs]:
    """Every plan that these pilots can tell about, and what they tell, by exact expectations over sub-pools.

    One model: `single`; `self_consistency` at powers of two; `adaptive` at two confidences and at the stated worth;
    `sharpen` where log-probabilities were recorded; `best_of_n`, `best_of_majority`, `weighted_vote` and
    `first_accepted` where a verifier judged. Two models: the cheaper one's vote where it is unanimous, else the
    dearer one's. Nothing beyond the samples of the pilot is extrapolated. Without a price all costs are NaN.

    Args:
        pilots: one a model, labelled, of the same questions.
        value_usd: the worth of a right answer that `adaptive` weighs, in dollars.
        most: the most samples of a plan; None is all that the pilot drew.
        seed: of the random orders on which sequential rules are played.

    Returns:
        The menu and the beliefs, in the same order.

    Raises:
        UsageError: the pilots do not fit together, or one has no labels.
    """
    for pilot in checked(tuple(pilots)):
        if pilot.correct_QS is None:
            raise UsageError(
                f"The pilot of {pilot.model} has no labels, so nobody knows which answers are right."
            )
    found = [row for pilot in pilots for row in of_model(pilot, value_usd, most, seed)]
    for small in pilots:
        for large in pilots:
            if small is not large and price_of_one(small) < price_of_one(large):
                found += cascades(small, large)
    several = len(pilots) > 1
    menu = tuple(
        Entry(f"{name} on {' then '.join(models)}" if several else name, plan, models, n)
        for name, plan, models, n, _ in found
    )
    right, answered, usd, seconds = (np.column_stack([shown[i] for *_, shown in found]) for i in range(4))
    beliefs = Beliefs(right, answered, usd, seconds, np.array([shown[4] for *_, shown in found]))
    return menu, beliefs


def competing(
    menu: Sequence[Entry], beliefs: Beliefs, worth: Worth
) -> tuple[tuple[Entry, ...], Beliefs, tuple[str, ...]]:
    """The entries that can be weighed, what is known of them, and a sentence for each reason why others cannot be.

    Raises:
        UsageError: none is left.
    """
    unpriced = np.isnan(beliefs.usd_QP).any(axis=0)
    untimed = np.isnan(beliefs.latency_s_QP).any(axis=0) & ~unpriced
    if worth.usd_per_s == 0:
        untimed = np.zeros_like(unpriced)
    said = []
    if unpriced.any():
        models = sorted({m for i in np.flatnonzero(unpriced).tolist() for m in menu[i].models})
        said.append(f"Plans of {' and '.join(models)} have no known price, so they do not compete; state one.")
    if untimed.any():
        said.append(
            f"How long {int(untimed.sum())} plans take is not known from this data, so they do not compete where "
            f"waiting has a price."
        )
    kept = np.flatnonzero(~unpriced & ~untimed).tolist()
    if not kept:
        raise UsageError(" ".join(["No plan can be weighed.", *said]))
    return tuple(menu[i] for i in kept), beliefs.columns(kept), tuple(said)
