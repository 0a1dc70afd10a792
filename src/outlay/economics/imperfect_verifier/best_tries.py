"""The best number of tries from recorded samples, with the numbers that the data cannot rule out."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.imperfect_verifier._flags import counts
from outlay.economics.imperfect_verifier.tries import tries
from outlay.errors import UsageError
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means
from outlay.stats.wilson import wilson

Floats = NDArray[np.float64]
LEAST_QUESTIONS = 5
"""With fewer questions nothing can be said about questions to come."""


class BestTries(Struct, frozen=True):
    """The number of tries with the highest mean reward, and what the data leave open.

    `tries` is 0 where not answering is best. `interval` spans the numbers of tries that may be the best ones.
    `reward` is at `tries`, in worths of a right answer, `reward_interval` at that fixed number: chosen as the
    best of many it is a little too good. `at_limit`: the best number may be the largest that the samples can
    show, or any beyond it.
    """

    tries: int
    interval: Interval
    reward: float
    reward_interval: Interval
    abstained: float
    """The share of questions left unanswered at `tries`."""
    at_limit: bool


def best_tries_from(
    accepted_QS: ArrayLike,
    correct_QS: ArrayLike,
    *,
    wrong: float,
    try_cost: float = 0.0,
    most: int | None = None,
    seed: int,
    level: float = 0.95,
    draws: int = 1000,
) -> BestTries:
    """The K of 0 … most with the highest mean reward of at most K tries, the smallest of equals.

    The interval inverts a test instead of taking quantiles of resampled maxima, which fail where the curve is
    flat: K stays in it unless another number is better by more than the largest studentised difference that
    resampled questions show by chance. It therefore covers the best K at least as often as it says.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.
        wrong: what handing out a wrong answer costs (rho), from 0, in worths of a right one.
        try_cost: what one draw and its check cost, from 0, in the same unit.
        most: the largest K looked at, 1 … samples; by default all samples.
        seed: seed of the bootstrap.
        level: coverage aimed at, above 0 and below 1.
        draws: bootstrap draws over questions, from 100.

    Returns:
        The best number and what is open about it.

    Raises:
        UsageError: fewer than 5 questions, or an argument out of range.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024 (arXiv 2411.17501), section 4: the curve (exact here). The
        interval is ours: a confidence set for the best of several means by bootstrap, after Hansen, Lunde and
        Nason 2011, section 2.

    Example:
        >>> accepted, correct = [[1, 1, 1], [1, 0, 0]] * 10, [[1, 1, 1], [0, 0, 0]] * 10
        >>> best_tries_from(accepted, correct, wrong=2.0, seed=1).tries
        1
    """
    samples = counts(accepted_QS, correct_QS).samples
    most = samples if most is None else most
    if not 1 <= most <= samples:
        raise UsageError(f"the largest number of tries must be between 1 and the {samples} samples, not {most}")
    if not 0 < level < 1 or draws < 100:
        raise UsageError("level must be above 0 and below 1, and draws 100 or more")
    ends = tries(accepted_QS, correct_QS, range(most + 1))
    reward_QK = ends.reward_QK(wrong=wrong, try_cost=try_cost)
    if len(reward_QK) < LEAST_QUESTIONS:
        raise UsageError(f"the best number of tries cannot be said from fewer than {LEAST_QUESTIONS} questions")
    mean_K = reward_QK.mean(axis=0)
    best = _first_best(mean_K)
    resampled_DK = resampled_means(reward_QK, draws=draws, seed=seed)
    possible = _possible(mean_K, resampled_DK, level)
    low, high = _reward_ends(reward_QK[:, best], resampled_DK[:, best], wrong, level)
    return BestTries(
        tries=best,
        interval=Interval(float(possible[0]), float(possible[-1]), level),
        reward=float(mean_K[best]),
        reward_interval=Interval(low, high, level),
        abstained=float(ends.abstained_QK[:, best].mean()),
        at_limit=bool(possible[-1] == most),
    )


def _reward_ends(reward_Q: Floats, resampled_D: Floats, wrong: float, level: float) -> tuple[float, float]:
    """Percentiles; where all questions agree, as many unlike them as Wilson leaves open may be all wrong or all right.

    Not answering is worth 0 on every question, whatever it is.
    """
    tail, reward = (1 - level) / 2, float(reward_Q.mean())
    if reward_Q.min() < reward_Q.max() or not reward_Q.any():
        low, high = np.quantile(resampled_D, [tail, 1 - tail])
        return float(low), float(high)
    unlike = 1 - wilson(len(reward_Q), len(reward_Q), level).low
    return reward - unlike * (reward + wrong), reward + unlike * (1 - reward)


def _first_best(mean_K: Floats) -> int:
    return int(np.argmax(mean_K >= mean_K.max() - 1e-12))


def _possible(mean_K: Floats, resampled_DK: Floats, level: float) -> NDArray[np.intp]:
    """The K that no other K beats by more than chance explains."""
    possible = []
    for k in range(len(mean_K)):
        lead_K = mean_K - mean_K[k]
        noise_DK = resampled_DK - resampled_DK[:, [k]] - lead_K
        error_K = np.sqrt((noise_DK**2).mean(axis=0))
        differs = error_K > 1e-12
        if (lead_K[~differs] > 1e-12).any():
            continue
        most_D = (noise_DK[:, differs] / error_K[differs]).max(axis=1, initial=0.0)
        lead = (lead_K[differs] / error_K[differs]).max(initial=0.0)
        if lead <= np.quantile(most_D, level):
            possible.append(k)
    return np.array(possible)
