"""Whether plans know how often they are right: what they stated, beside what happened."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.report.cells import Key, by_cell
from outlay.report.outcome import Outcome
from outlay.stats.calibration import Calibration, calibration

LEAST_STATED = 20
"""Statements below which bins hold next to nothing, and nothing is said (our choice)."""


class Stated(Struct, frozen=True):
    """The statements of one plan on one task. `floor`: the error that as many perfect ones would show by chance."""

    plan: Key
    statements: int
    stated: float
    """Mean stated probability."""
    right: float
    """The share that was right."""
    calibration: Calibration
    floor: float


def stated_beliefs(outcomes: Sequence[Outcome]) -> list[Stated]:
    """Brier score, expected calibration error and its ten bins, of each plan that stated p_correct 20 times.

    A failed outcome is wrong. Plans that saw the key are left out.

    Args:
        outcomes: in any order.

    Returns:
        One entry a plan, in order of first appearance.

    Source:
        As in `outlay.stats.calibration`; the floor sqrt(bins / n) / 2 is its stated bias, over filled bins.

    Example:
        >>> said = [Outcome("t", "m", "s", f"q{i}", i % 2 == 0, 0.0, p_correct=0.9) for i in range(20)]
        >>> print(f"{stated_beliefs(said)[0].calibration.expected_error:.2f}")
        0.40
    """
    found = []
    for key, of in by_cell(o for o in outcomes if not o.oracle).items():
        pairs = [(o.p_correct, float(o.correct and not o.failed)) for o in of if o.p_correct is not None]
        if len(pairs) < LEAST_STATED:
            continue
        p, right = [a for a, _ in pairs], [b for _, b in pairs]
        seen = calibration(p, right)
        floor = (len(seen.bins) / len(p)) ** 0.5 / 2
        found.append(Stated(key, len(p), sum(p) / len(p), sum(right) / len(right), seen, floor))
    return found
