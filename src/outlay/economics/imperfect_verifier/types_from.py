"""Easy and hard questions and the checker's errors, estimated from recorded samples."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from outlay.economics.imperfect_verifier._flags import counts, flags
from outlay.economics.imperfect_verifier._two_binomials import (
    TwoBinomials,
    one_binomial,
    standard_errors,
    two_binomials,
)
from outlay.economics.imperfect_verifier.types import TwoTypes
from outlay.economics.verifier_audit import audit
from outlay.errors import CannotSay
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson

LEAST_SAMPLES = 3
"""Samples a question below which three numbers (a share and two rates) are not identified."""
LEAST_QUESTIONS = 5
"""Questions below which an interval says nothing (our choice)."""
CHANCE = 2.71
"""Twice the gain in log-likelihood by a second type that chance alone makes in about 1 of 20 data sets of one type."""
NO_SPREAD = 1e-6
"""How near to 0 or 1 a rate has no error of its own."""


def two_types(accepted_QS: ArrayLike, correct_QS: ArrayLike) -> TwoTypes:
    """The two types and the checker of most likelihood: right samples ~ share Bin(S, p_easy) + rest Bin(S, p_hard).

    Completeness is the share of right samples that were accepted, soundness the share of wrong ones that were
    rejected. Questions whose rates are not of two kinds get the two that fit them best.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.

    Returns:
        The estimate.

    Raises:
        UsageError: flags that are not 0 or 1, or of unequal shapes.
        CannotSay: fewer than 3 samples a question; a second type fits no better than chance makes it; or no
            sample is right or none wrong. Then the model is not identified and `tries` is the way.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024, section 4 (the model). The official notebooks split questions
        at a pass rate of 0.5: with few samples a question that pushes the types apart (0.87 looks like 0.875 at 8
        samples), so we fit the mixture. They also drop questions with a right sample that was rejected and set
        completeness to 1; we estimate it. When a second type counts as seen is ours (half of a chi-squared law,
        which is a rough one for mixtures).

    Example:
        >>> right = [[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]] * 5
        >>> found = two_types(right, right)
        >>> print(round(found.share_easy, 3), round(found.p_easy, 3), found.soundness)
        0.5 0.869 1.0
    """
    found, accepted, correct = _fitted(accepted_QS, correct_QS)
    return TwoTypes(
        share_easy=found.share,
        p_easy=_whole(found.p_high),
        p_hard=_whole(found.p_low),
        completeness=_share(accepted, correct, "completeness", "right"),
        soundness=_share(~accepted, ~correct, "soundness", "wrong"),
    )


def two_types_intervals(
    accepted_QS: ArrayLike, correct_QS: ArrayLike, *, level: float = 0.95
) -> dict[str, Interval]:
    """The intervals of what `two_types` estimates, by the name of each quantity.

    The share's and the accuracies' are symmetric on the logit, by a sandwich error; an accuracy of 0 or 1 has
    Wilson's, over the samples of its type. Completeness and soundness are those of `verifier_audit`. Measured
    coverage at 95 %: 93 to 97 % (`bench/report_intervals.py --only types`).

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.
        level: coverage aimed at.

    Returns:
        One interval for each field of `TwoTypes`.

    Raises:
        UsageError: as in `two_types`.
        CannotSay: as in `two_types`, fewer than five questions, or a rate rests on fewer than two questions.

    Source:
        Ours; the paper states none.

    Example:
        >>> right = [[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]] * 5
        >>> found = two_types_intervals(right, right)["p_easy"]
        >>> print(round(found.low, 2), round(found.high, 2))
        0.74 0.94
    """
    found, accepted, correct = _fitted(accepted_QS, correct_QS)
    if len(correct) < LEAST_QUESTIONS:
        raise CannotSay(f"two types have no interval from fewer than {LEAST_QUESTIONS} questions; measure more")
    question = np.repeat(np.arange(len(correct)), accepted.shape[1])
    checked = audit(accepted.ravel(), np.ones(accepted.size), correct.ravel(), question_P=question, level=level)
    if checked.completeness is None or checked.soundness is None:
        raise CannotSay(
            "completeness or soundness has no interval: too few questions have a sample of that kind"
        )
    error_3 = standard_errors(found, correct.sum(axis=1).astype(float))
    trials_T = [len(correct) * found.n * share for share in (found.share, 1 - found.share)]
    return {
        "share_easy": _on_logit(found.share, error_3[0], level),
        "p_easy": _rate(found.p_high, error_3[1], trials_T[0], level),
        "p_hard": _rate(found.p_low, error_3[2], trials_T[1], level),
        "completeness": checked.completeness.interval,
        "soundness": checked.soundness.interval,
    }


def _fitted(
    accepted_QS: ArrayLike, correct_QS: ArrayLike
) -> tuple[TwoBinomials, NDArray[np.bool_], NDArray[np.bool_]]:
    counts(accepted_QS, correct_QS)
    accepted, correct = flags("accepted_QS", accepted_QS), flags("correct_QS", correct_QS)
    samples = correct.shape[1]
    if samples < LEAST_SAMPLES:
        raise CannotSay(
            f"easy and hard questions cannot be told apart by fewer than {LEAST_SAMPLES} samples of each"
        )
    right_Q = correct.sum(axis=1).astype(float)
    found = two_binomials(right_Q, samples)
    if 2 * (found.log_likelihood(right_Q) - one_binomial(right_Q, samples)) <= CHANCE:
        raise CannotSay("easy and hard questions cannot be told apart: one success rate explains these as well")
    return found, accepted, correct


def _whole(p: float) -> float:
    """A rate without the distance that the fit keeps from 0 and 1."""
    return float(round(p)) if min(p, 1 - p) < NO_SPREAD else p


def _rate(p: float, error: float, trials: float, level: float) -> Interval:
    if min(p, 1 - p) < NO_SPREAD:
        n = max(round(trials), 1)
        return wilson(round(p) * n, n, level)
    return _on_logit(p, error, level)


def _on_logit(p: float, error: float, level: float) -> Interval:
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    low, high = (float(expit(logit(p) + sign * half)) for sign in (-1, 1))
    return Interval(low, high, level)


def _share(yes_QS: NDArray[np.bool_], of_QS: NDArray[np.bool_], name: str, which: str) -> float:
    if not of_QS.any():
        raise CannotSay(f"{name} cannot be said from this data: no sample is {which}")
    return float((yes_QS & of_QS).sum() / of_QS.sum())
