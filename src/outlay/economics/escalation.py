"""What rewriting steps by a larger model gains and wastes, from scores of both models' steps: oracle and policies."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from outlay.errors import CannotSay, UsageError


class Escalated(Struct, frozen=True):
    """A policy's outcome over N steps: `gain` and `wasted` are means over all steps, `escalated` their share.

    `gain` is the mean of a D, D = s_t - s_d, a = 1 where the step was escalated; `wasted` the share of steps that were
    escalated for nothing (s_t <= s_d).
    """

    escalated: float
    gain: float
    wasted: float


def escalations(draft_N: ArrayLike, target_N: ArrayLike, escalate_N: ArrayLike) -> Escalated:
    """Share of steps escalated, mean gain E[a (s_t - s_d)] and share escalated in vain E[a 1{s_t <= s_d}].

    With C_t the cost of one step of the large model, the waste in cost is C_t times `wasted`, which equals
    C_t x (reject rate) x (1 - P(improves | rejected)).

    Args:
        draft_N: scores of the small model's steps, any unit, shape (N,).
        target_N: scores of the large model's steps after the same prefixes, same unit.
        escalate_N: whether each step was escalated, 0 or 1.

    Raises:
        UsageError: unequal lengths, no steps, NaN, or an escalation that is neither 0 nor 1.

    Source:
        Arbitrage (arXiv 2512.05033), section 3.

    Example:
        >>> escalations([0.2, 0.9, 0.1], [0.7, 0.4, 0.1], [1, 0, 1]).wasted == 1 / 3
        True
    """
    gain_N = _gains(draft_N, target_N)
    a_N = np.asarray(escalate_N, float)
    if a_N.shape != gain_N.shape or not np.isin(a_N, (0.0, 1.0)).all():
        raise UsageError("There must be one escalation, 0 or 1, for each step.")
    return Escalated(float(a_N.mean()), float((a_N * gain_N).mean()), float((a_N * (gain_N <= 0)).mean()))


def oracle(draft_N: ArrayLike, target_N: ArrayLike, most: int) -> NDArray[np.bool_]:
    """The best escalations with at most `most` of them: the min(most, #{D > 0}) steps with the largest D = s_t - s_d.

    No other choice of that many steps has a higher sum of scores; none of it is wasted. It takes steps as independent:
    an early bad step does not spoil later ones here.

    Args:
        draft_N: scores of the small model's steps, shape (N,).
        target_N: scores of the large model's steps.
        most: the most escalations, from 0.

    Raises:
        UsageError: as `escalations`, or a negative number.

    Source:
        Arbitrage (arXiv 2512.05033), the theorem of section 3; ties go to the earlier step, ours.

    Example:
        >>> oracle([0.2, 0.9, 0.1], [0.7, 0.4, 0.2], 1).tolist()
        [True, False, False]
    """
    gain_N = _gains(draft_N, target_N)
    if most < 0:
        raise UsageError(f"{most} escalations are fewer than none.")
    chosen = np.argsort(-gain_N, kind="stable")[:most]
    escalate_N = np.zeros(len(gain_N), bool)
    escalate_N[chosen] = True
    return escalate_N & (gain_N > 0)


def rank_correlation(estimate_N: ArrayLike, draft_N: ArrayLike, target_N: ArrayLike) -> float:
    """Spearman's correlation of an estimate of the advantage with D = s_t - s_d, in [-1, 1].

    Report it beside that of -s_d: an estimator pays only if it ranks advantages better than the draft's own score does,
    which for exchangeable normal scores of correlation rho reaches sqrt((1 - rho) / 2).

    Raises:
        UsageError: as `escalations`.
        CannotSay: fewer than two steps, or one side has no spread.

    Source:
        Arbitrage (arXiv 2512.05033), section 5, selects routers by it.

    Example:
        >>> print(round(rank_correlation([0.5, -0.5, 0.1], [0.2, 0.9, 0.1], [0.7, 0.4, 0.2]), 6))
        1.0
    """
    gain_N, estimate = _gains(draft_N, target_N), np.asarray(estimate_N, float)
    if estimate.shape != gain_N.shape or np.isnan(estimate).any():
        raise UsageError("There must be one estimate, no NaN, for each step.")
    if len(gain_N) < 2 or np.ptp(gain_N) == 0 or np.ptp(estimate) == 0:
        raise CannotSay(
            "A rank correlation needs two steps that differ, in the estimates and in the advantages."
        )
    return float(np.corrcoef(rankdata(estimate), rankdata(gain_N))[0, 1])


def _gains(draft_N: ArrayLike, target_N: ArrayLike) -> NDArray[np.float64]:
    draft, target = np.asarray(draft_N, float), np.asarray(target_N, float)
    if draft.shape != target.shape or draft.ndim != 1 or not len(draft):
        raise UsageError("There must be a score of each model for each step, at least one step.")
    if np.isnan(draft).any() or np.isnan(target).any():
        raise UsageError("A score is NaN; leave such steps out.")
    return target - draft
