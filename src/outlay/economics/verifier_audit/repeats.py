"""How far repeated checks of one solution agree beyond chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outlay.economics.verifier_audit.measured import Labelled, Measured
from outlay.economics.verifier_audit.rates import student
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson

LEAST_OUTVOTED = 10
"""Fewer solutions with an accept, or with a reject, leave the interval of the correlation too short."""


def repeat_correlation(labelled: Labelled, level: float) -> Measured | str:
    """(P(two checks of one solution accept) - a^2) / (a (1 - a)), a the accept rate, of solutions checked twice.

    The interval is Student's on Fisher's scale with the jackknife over questions. Where the checks of every
    solution agree, the correlation is 1 and its lower end follows from the most disagreement that Wilson's
    interval allows.

    Source:
        Moments of pairs, Ridout, Demetrio and Firth 1999; the interval is our choice.
    """
    twice = labelled.of(labelled.checks_P >= 2)
    accepts, checks = twice.accepts_P, twice.checks_P
    sums_C4 = np.stack(
        [twice.sums(x) for x in (accepts, checks, accepts * (accepts - 1), checks * (checks - 1))], axis=1
    )
    clusters, outvoted = len(sums_C4), int(min((accepts > 0).sum(), (accepts < checks).sum()))
    if clusters < 2:
        return "fewer than 2 questions with such a solution that was checked twice; repeat some checks"
    if outvoted < LEAST_OUTVOTED:
        return (
            f"only {outvoted} solutions have a verdict against the rest, of {LEAST_OUTVOTED} needed; label more"
        )
    total_4 = sums_C4.sum(axis=0)
    value = float(_correlation(total_4))
    if not ((accepts > 0) & (accepts < checks)).any():
        return Measured(1.0, Interval(_least_agreement(total_4, clusters, level), 1.0, level), len(checks))
    drop_C = _correlation((total_4 - sums_C4).T)
    if not np.isfinite(drop_C).all():
        return "one question alone holds every verdict against the rest; label more questions"
    error = float(np.sqrt((clusters - 1) / clusters * ((drop_C - drop_C.mean()) ** 2).sum()))
    middle, half = float(np.arctanh(value)), student(clusters - 1, level) * error / (1 - value**2)
    low, high = max(0.0, float(np.tanh(middle - half))), max(0.0, float(np.tanh(middle + half)))
    return Measured(max(value, 0.0), Interval(low, high, level), len(checks))


def _correlation(sums_4: NDArray[np.float64]) -> NDArray[np.float64]:
    accepts, checks, both, pairs = sums_4
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = accepts / checks
        return np.asarray((both / pairs - rate**2) / (rate * (1 - rate)))


def _least_agreement(total_4: NDArray[np.float64], clusters: int, level: float) -> float:
    rate = float(total_4[0] / total_4[1])
    return max(0.0, 1 - wilson(0, clusters, level).high / (2 * rate * (1 - rate)))
