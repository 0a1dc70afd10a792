"""The accuracy that no number of tries under an erring checker gets past."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.imperfect_verifier._flags import counts
from outlay.errors import UsageError
from outlay.stats.bootstrap import bootstrap_of_means
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson


def ceiling(p_right: ArrayLike, *, completeness: float, soundness: float) -> NDArray[np.float64]:
    """P(right | accepted) = r c / (r c + (1 - r)(1 - s)): the accuracy of accepted answers, at any budget.

    A stronger model whose single try is right more often cannot be matched by tries of this one, however many.

    Args:
        p_right: r, the chance that a sample is right, in [0, 1]; any shape.
        completeness: c, the chance that a right sample is accepted.
        soundness: s, the chance that a wrong sample is rejected.

    Returns:
        The ceiling of each r.

    Raises:
        UsageError: a probability is outside [0, 1], or nothing is ever accepted, so that no accuracy exists.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024 (arXiv 2411.17501), section 3.

    Example:
        >>> print(ceiling([0.87, 0.13], completeness=1.0, soundness=0.75).round(5))
        [0.96399 0.3741 ]
    """
    r = np.asarray(p_right, float)
    if not (((r >= 0) & (r <= 1)).all() and 0 <= completeness <= 1 and 0 <= soundness <= 1):
        raise UsageError("accuracy, completeness and soundness must be between 0 and 1")
    right, wrong = r * completeness, (1 - r) * (1 - soundness)
    if not (right + wrong > 0).all():
        raise UsageError("there is no accuracy of accepted answers: nothing would ever be accepted")
    return right / (right + wrong)


class Ceiling(Struct, frozen=True):
    """The mean accuracy of accepted answers over the questions where any sample was accepted.

    `lowest` counts the questions without an accepted sample as wrong, `highest` as right; `never` is their share.
    """

    value: float
    interval: Interval
    lowest: float
    highest: float
    never: float


def ceiling_from(
    accepted_QS: ArrayLike, correct_QS: ArrayLike, *, seed: int, level: float = 0.95, draws: int = 2000
) -> Ceiling:
    """The mean over questions of T / A, T right ones among A accepted samples: the ceiling without a model.

    Questions of which no sample was accepted have no T / A; leaving them out flatters weak models, so the
    result carries both extremes.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.
        seed: seed of the bootstrap.
        level: coverage of the interval.
        draws: bootstrap draws over the questions with an accepted sample.

    Returns:
        The ceiling.

    Raises:
        UsageError: fewer than two questions have an accepted sample: no interval can be said.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024, figure 1 and its error bars (questions without an accepted
        sample at 0 or 1); interval as in `outlay.stats.bootstrap`, Wilson's where all questions agree.

    Example:
        >>> found = ceiling_from([[1, 1], [1, 1], [0, 0]], [[1, 1], [1, 0], [0, 0]], seed=1)
        >>> print(found.value, found.lowest, round(found.highest, 4))
        0.75 0.5 0.8333
    """
    found = counts(accepted_QS, correct_QS)
    some_Q = found.accepted_Q > 0
    if some_Q.sum() < 2:
        raise UsageError(
            "the ceiling cannot be said from this data: fewer than two questions have an accepted sample"
        )
    share_Q = found.right_Q[some_Q] / found.accepted_Q[some_Q]
    value, never = float(share_Q.mean()), float(1 - some_Q.mean())
    if share_Q.min() == share_Q.max():
        # No draw of the questions differs from another.
        interval = wilson(float(share_Q.sum()), len(share_Q), level)
    else:
        interval = bootstrap_of_means(lambda m: m[:, 0], share_Q, seed=seed, level=level, draws=draws)
    return Ceiling(value, interval, value * (1 - never), value * (1 - never) + never, never)
