"""When a cheap model that defers where it disagrees with itself costs less than the dear one."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import fmean

from msgspec import Struct

from outlay.errors import UsageError
from outlay.stats.wilson import wilson

LEAST_COSTS = 8
"""How many measured costs stand in for an estimate (our choice)."""
LEAST_TRIED = 20
"""How many steps must have been tried before agreement is called too rare (our choice)."""
RECENT = 200
"""How many of the newest steps are looked at, so that what the store has grown by counts (our choice)."""
ONE_SIDED = 0.9
"""The level of a two-sided interval whose upper end is a one-sided bound at 0.95."""


class Weighed(Struct, frozen=True):
    """Whether asking the small model first can pay, and why not.

    Attributes:
        pays: whether to ask it first.
        needs: the agreement above which it pays; infinite where none is enough; None where prices are unknown.
        agreement: the share of recent tried steps that agreed; None before any.
        why: a sentence where it cannot pay, else empty.
    """

    pays: bool
    needs: float | None
    agreement: float | None
    why: str = ""


def expected_cost(p_agree: float, small: float, large: float, *, audit: float = 0.0) -> float:
    """E[cost of a step] = small + (1 - p (1 - audit)) large.

    Args:
        p_agree: the chance that the small model agrees with itself, in [0, 1].
        small: cost of all its samples of a step, N c_s, examples included.
        large: cost of the large model on the step, c_t.
        audit: the share of agreed steps that the large model answers too.

    Returns:
        Cost in the unit of the two.

    Raises:
        UsageError: a cost that is negative or not known, or a share outside [0, 1].

    Source:
        In-context distillation, Sarukkai et al. 2025 (arXiv 2512.02543): N c_s + (1 - P(agree)) c_t, derived in the
        sheet; the audits are ours.

    Example:
        >>> print(round(expected_cost(0.8, 3.0, 20.0), 9))
        7.0
    """
    _checked(small, large, p_agree, audit)
    return small + (1 - p_agree * (1 - audit)) * large


def break_even_agreement(small: float, large: float, *, audit: float = 0.0) -> float:
    """P* = (N c_s / c_t) / (1 - audit): the cascade costs less than the large model for agreement above it.

    At or above 1 it never does. Infinite for a large model that costs nothing, and where every step is audited.

    Args:
        small: cost of all the small model's samples of a step, from 0.
        large: cost of the large model on the step, from 0.
        audit: as in `expected_cost`.

    Raises:
        UsageError: a cost that is negative or not known, or a share outside [0, 1].

    Example:
        >>> print(round(break_even_agreement(3 * 1.0, 20.0), 3), break_even_agreement(3 * 1.0, 2.0))
        0.15 1.5
    """
    _checked(small, large, audit)
    return inf if large == 0 or audit == 1 else small / large / (1 - audit)


def _checked(small: float, large: float, *shares: float) -> None:
    if not (small >= 0 and large >= 0 and all(0 <= share <= 1 for share in shares)):
        raise UsageError("Costs are counted from 0, and agreement and audits are shares in [0, 1].")


def weigh(
    steps: Sequence[tuple[str, int | None, int | None]],
    *,
    audit: float = 0.0,
    estimates: Sequence[tuple[float, float]] = (),
) -> Weighed:
    """Whether to ask the small model first, from how the newest steps went and what they cost.

    It cannot pay where N c_s / c_t is at least 1 - audit, and does not where the upper bound (one-sided 0.95, Wilson)
    of the agreement stays below the break-even. Until 8 costs of each model are measured, `estimates` stand in.

    Args:
        steps: (outcome, cost of the small model or None, cost of the large one or None), the oldest first. Outcomes as
            in `store.kept.CascadeStep`.
        audit: the share of agreed steps that the large model answers too.
        estimates: (small, large) costs of a step under the assumptions to be covered: it cannot pay only if it cannot
            under all of them. Empty where a price is unknown.

    Returns:
        The judgement, with the agreement that it needs and the one that was seen.

    Source:
        The exact break-even of the sheet; bounds, window and the rule to go on trying are our choice.

    Example:
        >>> rare = [("deferred", 300, 1000)] * 40
        >>> print(weigh(rare).why)
        The small model agreed with itself in 0 of 40 recent steps, too rare: it pays above 0.30.
    """
    recent = steps[-RECENT:]
    tried = [s for s in recent if s[0] != "outright"]
    agreed = sum(s[0] != "deferred" for s in tried)
    agreement = agreed / len(tried) if tried else None
    small, large = ([s[i] for s in recent if s[i] is not None] for i in (1, 2))
    if min(len(small), len(large)) >= LEAST_COSTS:
        estimates = ((fmean(small), fmean(large)),)  # type: ignore[type-var]  # None was left out
    if not estimates:
        return Weighed(True, None, agreement)
    needs = min(break_even_agreement(s, t, audit=audit) for s, t in estimates)
    if needs >= 1:
        share = min((s / t if t else inf) for s, t in estimates)
        told = f"The small model's samples cost {share:.2f} of the large model's answer, so asking it first cannot pay."
        return Weighed(False, needs, agreement, told)
    if len(tried) >= LEAST_TRIED and wilson(agreed, len(tried), level=ONE_SIDED).high <= needs:
        told = f"The small model agreed with itself in {agreed} of {len(tried)} recent steps, too rare: "
        return Weighed(False, needs, agreement, f"{told}it pays above {needs:.2f}.")
    return Weighed(True, needs, agreement)
