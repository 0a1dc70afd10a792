"""The price of one right answer: per question and per set of models."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError

Floats = NDArray[np.float64]


def success_rate(right: ArrayLike, runs: ArrayLike, *, smoothed: bool = False) -> Floats:
    """The success rate right / runs, or (right + 1/2) / (runs + 1): the mean under a Beta(1/2, 1/2) prior.

    The raw rate makes cost-of-pass infinite for a question without a success, which at 8 runs happens to a
    question of success rate 0.1 with probability 0.43; the smoothed rate is never 0 or 1. Show both.

    Args:
        right: right runs, 0 … runs; any shape.
        runs: runs, from 1; broadcasts.
        smoothed: whether to add the prior.

    Returns:
        The rate, in [0, 1].

    Raises:
        UsageError: no runs, or right ones that are not between 0 and the runs.

    Source:
        Cost-of-Pass, Erol et al. 2025 (arXiv 2504.13359), section 2 (raw); the smoothed one is ours.

    Example:
        >>> print(success_rate([0, 4], 8), success_rate([0, 4], 8, smoothed=True).round(4))
        [0.  0.5] [0.0556 0.5   ]
    """
    right, runs = np.asarray(right, float), np.asarray(runs, float)
    if not ((right >= 0) & (right <= runs) & (runs >= 1)).all():
        raise UsageError("a success rate needs at least one run, and right runs between 0 and the runs")
    return (right + 0.5) / (runs + 1.0) if smoothed else right / runs


def cost_of_pass(cost: ArrayLike, p_right: ArrayLike) -> Floats:
    """The expected cost of one right answer by retries until success, v = C / R; infinite if R = 0.

    It presumes that a right answer is recognised for free: add the checker's price to the cost of an attempt.
    Voting and best-of-k with a perfect check never lower it, and it does not depend on a retry limit.

    Args:
        cost: expected cost of one attempt in any unit of money, from 0; every call of the strategy, failed ones
            too.
        p_right: probability that an attempt is right, in [0, 1]; broadcasts. Per question, never a mean over
            them.

    Returns:
        The cost of a right answer in the same unit, shape of the broadcast.

    Raises:
        UsageError: a cost that is negative or not known, or a probability outside [0, 1].

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2, equation for v(m, p).

    Example:
        >>> print(cost_of_pass([2.0, 2.0], [0.5, 0.0]))
        [ 4. inf]
    """
    cost, p_right = np.broadcast_arrays(np.asarray(cost, float), np.asarray(p_right, float))
    if not (cost >= 0).all() or not ((p_right >= 0) & (p_right <= 1)).all():
        raise UsageError(
            "cost-of-pass needs costs from 0 and probabilities between 0 and 1, none of them missing"
        )
    return np.divide(cost, p_right, out=np.full(cost.shape, np.inf), where=p_right > 0)


def frontier_value(v_MQ: ArrayLike, expert_Q: ArrayLike | None = None) -> Floats:
    """V_p = min over models of v(m, p), and over an expert who is always right at a fixed price, if given.

    Args:
        v_MQ: cost-of-pass of each model on each question; no models at all is allowed with an expert.
        expert_Q: the expert's price of each question, in the same unit.

    Returns:
        One value a question; infinite where nothing solves it.

    Raises:
        UsageError: no model and no expert, values over different questions, or negative or missing ones.

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2 (LM frontier and human expert).

    Example:
        >>> print(frontier_value([[4.0, np.inf]], [20.0, 20.0]))
        [ 4. 20.]
    """
    v = np.asarray(v_MQ, float)
    if expert_Q is not None:
        expert = np.atleast_1d(np.asarray(expert_Q, float))
        v = expert[None, :] if not v.size else np.vstack([v, expert]) if v.shape[1:] == expert.shape else v[:0]
    if v.ndim != 2 or not v.size or not (v >= 0).all():
        raise UsageError(
            "a frontier needs the cost-of-pass of at least one model or expert on the same questions, from 0, none "
            "of them missing"
        )
    return v.min(axis=0)


def task_value(v_MQ: ArrayLike, expert_Q: ArrayLike | None = None) -> float:
    """V_D: the mean over questions of the per-question frontier; infinite if one question is out of reach.

    Args:
        v_MQ: cost-of-pass of each model on each question.
        expert_Q: the expert's price of each question.

    Returns:
        The value in the same unit.

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2 (minimum first, then the mean).

    Example:
        >>> print(task_value([[4.0, np.inf]], [20.0, 20.0]))
        12.0
    """
    return float(frontier_value(v_MQ, expert_Q).mean())


def gain(new_MQ: ArrayLike, v_MQ: ArrayLike, expert_Q: ArrayLike | None = None) -> Floats:
    """G_p = V_p(M) - V_p(M with the new ones) >= 0: what new models or a technique save on each question.

    Args:
        new_MQ: cost-of-pass of the new models (or of the technique on each model) on each question.
        v_MQ: cost-of-pass of the models at hand.
        expert_Q: the expert's price of each question.

    Returns:
        One saving a question; 0 where the question stays out of reach, infinite where it comes into reach.

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2; a technique is added to, not put in place of, the plain
        models.

    Example:
        >>> print(gain([[1.0, 9.0]], [[4.0, 5.0]]))
        [3. 0.]
    """
    before, new = frontier_value(v_MQ, expert_Q), frontier_value(new_MQ)
    if before.shape != new.shape:
        raise UsageError("a gain needs the new models and those at hand on the same questions")
    after = np.minimum(before, new)
    return np.subtract(before, after, out=np.zeros_like(before), where=after < before)


def essentialness(v_MQ: ArrayLike, family_M: ArrayLike, expert_Q: ArrayLike | None = None) -> float:
    """[V_D(M without the family) - V_D(M)] / V_D(M without the family): how badly a family would be missed.

    Args:
        v_MQ: cost-of-pass of each model on each question.
        family_M: True for the models of the family.
        expert_Q: the expert's price of each question; without one, some question may be out of reach.

    Returns:
        A share in [0, 1); 1 where only the family reaches every question, 0 where nothing does.

    Raises:
        UsageError: a family of other models, or as in `frontier_value`.

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2; the two infinite cases are ours (the published code fails
        there).

    Example:
        >>> print(essentialness([[4.0, 2.0], [8.0, 4.0]], [True, False]))
        0.5
    """
    v, family = np.asarray(v_MQ, float), np.asarray(family_M, bool)
    if family.shape != v.shape[:1]:
        raise UsageError("a family needs True or False for each model")
    whole = task_value(v, expert_Q)
    without = np.inf if family.all() and expert_Q is None else task_value(v[~family], expert_Q)
    if not np.isfinite(without):
        return float(np.isfinite(whole))
    return (without - whole) / without if without > 0 else 0.0


def technique_value(technique_MQ: ArrayLike, v_MQ: ArrayLike, expert_Q: ArrayLike | None = None) -> float:
    """[V_D(M) - V_D(M with the technique)] / V_D(M): the share of the task's cost that a technique saves.

    The technique (votes, refinement, a budget hint) is added to the plain models, so it never counts below 0.
    Voting and best-of-k always count 0: their accuracy is at most k R at k times the cost.

    Args:
        technique_MQ: cost-of-pass of the technique on each model, on each question.
        v_MQ: cost-of-pass of the plain models.
        expert_Q: the expert's price of each question.

    Returns:
        A share in [0, 1]; 1 where only the technique brings every question into reach, 0 where nothing does.

    Source:
        Cost-of-Pass, Erol et al. 2025, section 2 and table 2; the two infinite cases are ours.

    Example:
        >>> print(technique_value([[3.0, 9.0]], [[4.0, 4.0]]))
        0.125
    """
    before = frontier_value(v_MQ, expert_Q)
    after = float(np.minimum(before, frontier_value(technique_MQ)).mean())
    whole = float(before.mean())
    if not np.isfinite(whole):
        return float(np.isfinite(after))
    return (whole - after) / whole if whole > 0 else 0.0
