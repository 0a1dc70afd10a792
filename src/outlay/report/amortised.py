"""After how many uses work that was paid once, offline, has paid back: plans with it beside the same plans without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.economics.amortisation import Investment, measured_break_even
from outlay.errors import UsageError
from outlay.money import NUSD
from outlay.report.cells import Key, by_cell
from outlay.report.outcome import Outcome
from outlay.report.resampling import DRAWS, Range
from outlay.stats.paired import paired

USES = (*(m * 10**i for i in range(6) for m in (1, 2, 5)), 10**6)
"""Uses at which the mean cost of one is told."""


class AtUses(Struct, frozen=True):
    """The mean cost of one of `uses` uses, its share of the offline work included, in dollars."""

    uses: int
    usd: float


class Amortised(Struct, frozen=True):
    """One plan with offline work beside itself without, on the questions that both answered.

    `first` is the first whole number of uses that saves, None: it never pays back in money; `uses_interval` has no
    upper end where the questions leave that open. `righter` is the difference in shares of right answers, with minus
    without.
    """

    task: str
    source: str
    plan: str
    model: str
    verifier: str
    questions: int
    offline_usd: float
    without_usd: float
    with_usd: float
    first: int | None
    uses_interval: Range | None
    """None: even the upper end of what a use saves is nothing, so it does not pay back."""
    righter: float
    righter_interval: Range
    curve: tuple[AtUses, ...]


def amortised(
    outcomes: Sequence[Outcome], without: Sequence[Outcome], offline_usd: float, *, seed: int
) -> list[Amortised]:
    """The break-even of offline work, plan by plan, with intervals over questions.

    Plans are the same where task, model, strategy, verifier and source are. Plans with fewer than two common
    questions or an unknown price, and those that saw the key, are passed over.

    Args:
        outcomes: with the offline work (notes, demonstrations) in use.
        without: the same questions without.
        offline_usd: what the work cost once, in dollars from 0.
        seed: seed of the intervals.

    Returns:
        One entry a plan.

    Raises:
        UsageError: the cost is negative or not finite, or no plan is in both.

    Source:
        `economics.amortisation` (Lin et al. 2025, arXiv 2504.13171; Sarukkai et al. 2025, arXiv 2512.02543).

    Example:
        >>> def asked(usd): return [Outcome("t", "m", "single", f"q{i}", True, 1.0, cost_nusd=usd) for i in range(4)]
        >>> print(amortised(asked(1_000_000), asked(3_000_000), 0.01, seed=1)[0].first)
        5
    """
    if not 0 <= offline_usd < float("inf"):
        raise UsageError(f"Offline work costs dollars from 0, not {offline_usd}.")
    before, after = by_cell(without), by_cell(outcomes)
    found = [_one(key, after[key], before[key], offline_usd, seed) for key in after if key in before]
    kept = [f for f in found if f is not None]
    if not kept:
        raise UsageError(
            "No plan with a known price answered the same questions with and without the offline work; run both "
            "benches with the same tasks, models and strategies."
        )
    return kept


def _one(
    key: Key, after: Sequence[Outcome], before: Sequence[Outcome], offline_usd: float, seed: int
) -> Amortised | None:
    mine, theirs = ({o.question_id: o for o in of if o.cost_nusd is not None} for of in (after, before))
    common = [q for q in mine if q in theirs]
    if key.oracle or len(common) < 2:
        return None
    with_Q, without_Q = (np.array([(of[q].cost_nusd or 0) / NUSD for q in common]) for of in (mine, theirs))
    measured = measured_break_even(offline_usd, without_Q, with_Q, seed=seed, draws=DRAWS)
    low, high = measured.interval.low, measured.interval.high
    right = paired([_right(theirs[q]) for q in common], [_right(mine[q]) for q in common], seed=seed)
    one = Investment(offline_usd, float(without_Q.mean()), float(with_Q.mean()))
    return Amortised(
        task=key.task,
        source=key.source,
        plan=key.strategy,
        model=key.model,
        verifier=key.verifier,
        questions=len(common),
        offline_usd=offline_usd,
        without_usd=one.baseline,
        with_usd=one.per_use,
        first=measured.break_even.first,
        uses_interval=None if np.isinf(low) else (low, None if np.isinf(high) else high),
        righter=right.difference,
        righter_interval=(right.interval.low, right.interval.high),
        curve=tuple(AtUses(n, one.cost_per_use(n)) for n in USES),
    )


def _right(o: Outcome) -> float:
    return float(o.correct and not o.failed)
