"""Estimates that do not believe the winner: shrinkage between plans, and what picking the best adds to a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outlay.policies._pilot import Floats
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson


def shrunk(value_QP: Floats, group_P: Sequence[object]) -> Floats:
    """Posterior means of the plans: group mean + t^2 / (t^2 + s_P^2) times the plan's deviation from it.

    Plans of one group (one set of models) share most of their luck with the questions, so deviations are taken
    within a question; s_P is their standard error over questions and t^2 the spread of the deviations beyond what
    chance makes, by moments. The groups' means are shrunk toward each other alike. A plan that is far ahead on
    noisy figures therefore gives up more of its lead than one whose lead is steady. One question: the means as
    they are.

    Args:
        value_QP: any number of each question under each plan, finite.
        group_P: the group of each plan.

    Returns:
        One number a plan.

    Source:
        Empirical Bayes, Efron and Morris 1973 (unequal variances, moments); two levels are our choice. It is
        conditional on these questions' mean, which all plans share.

    Example:
        >>> print(shrunk(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]), ["a", "a"]))
        [0.5 0.5]
    """
    names = list(dict.fromkeys(group_P))
    member_GP = np.array([[g == name for g in group_P] for name in names])
    mean_QG = np.stack([value_QP[:, m].mean(axis=1) for m in member_GP], axis=1)
    base_G = _toward_mean(mean_QG)
    result = np.empty(value_QP.shape[1])
    for g, m in enumerate(member_GP):
        result[m] = base_G[g] + _toward_mean(value_QP[:, m]) - float(value_QP[:, m].mean())
    return result


def _toward_mean(value_QP: Floats) -> Floats:
    questions, plans = value_QP.shape
    mean = value_QP.mean(axis=0)
    if questions < 2 or plans < 2:
        return mean
    apart = mean - mean.mean()
    noise = (value_QP - value_QP.mean(axis=1, keepdims=True)).var(axis=0, ddof=1) / questions
    spread = max(0.0, float((apart**2).sum() / (plans - 1) - noise.mean()))
    weight = np.divide(spread, spread + noise, out=np.ones(plans), where=spread + noise > 0)
    return mean.mean() + weight * apart


def resampled(questions: int, draws: int, seed: int) -> Floats:
    """Bootstrap weights, one row a draw: how often each question was drawn, divided by their number."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(questions, np.full(questions, 1.0 / questions), size=draws) / questions


def share_interval(share_Q: Floats, samples: int, *, around: float | None = None) -> Interval:
    """The 95 % interval of a mean of per-question chances: Wilson's, at the number of trials that they amount to.

    n = p (1 - p) / (s^2 / Q): as many coin tosses as have this standard error, from Q (each question all right or
    all wrong) to Q S (questions alike). s^2 is taken with one more question that is all right and one that is all
    wrong, so that a few alike questions do not rule out a rare other kind. It never has no width. Measured coverage
    at 95 %, 30 questions of 16 samples: Beta(2, 2) difficulties 96, one question in ten hard 98, all alike 100,
    each all right or all wrong 93 (Wilson itself at p = 0.3).

    Args:
        share_Q: the chance of a right answer of each question.
        samples: samples a question behind them.
        around: the estimate to centre on; None is the mean.

    Source:
        Wilson 1927 at an effective sample size, as in survey sampling (Korn and Graubard 1998); the two added
        questions follow Agresti and Coull 1998. For plans it is our choice.

    Example:
        >>> interval = share_interval(np.array([1.0, 1.0, 1.0, 1.0]), 16)
        >>> print(round(interval.low, 2), interval.high)
        0.51 1.0
    """
    questions = len(share_Q)
    p = float(np.clip(share_Q.mean(), 0.0, 1.0))
    error = float(np.var([*share_Q, 0.0, 1.0], ddof=1)) / (questions + 2)
    trials = min(max(int(p * (1 - p) / error), questions), questions * samples)
    centre = p if around is None else min(max(around, 0.0), 1.0)
    return wilson(min(centre * trials, trials), trials)


def regret_usd(net_BP: Floats, chosen: int | None) -> tuple[float, NDArray[np.int64]]:
    """E[max(best plan, nothing)] - E[chosen] over bootstrap worlds, and the best plan of each (-1: nothing)."""
    best_B = net_BP.argmax(axis=1)
    top_B = net_BP.max(axis=1)
    mine_B = np.zeros(len(net_BP)) if chosen is None else net_BP[:, chosen]
    regret = float((np.maximum(top_B, 0.0) - mine_B).mean())
    # What rounding leaves of equal plans is no regret.
    noise = 1e-12 * float(np.abs(np.where(np.isfinite(top_B), top_B, 0.0)).max())
    return regret if regret > noise else 0.0, np.where(top_B > 0, best_B, -1)
