"""Easy and hard questions and the checker's errors, estimated from recorded samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.imperfect_verifier._flags import counts, flags
from outlay.economics.imperfect_verifier.types import TwoTypes
from outlay.economics.verifier_audit import audit
from outlay.errors import UsageError
from outlay.stats.interval import Interval
from outlay.stats.studentized import studentized
from outlay.stats.wilson import wilson


def two_types(accepted_QS: ArrayLike, correct_QS: ArrayLike) -> TwoTypes:
    """The two types and the checker as recorded samples show them: easy is right more often than not.

    Shares and accuracies are those of the two groups; completeness is the share of right samples that were
    accepted, soundness the share of wrong ones that were rejected. The split by observed rates makes the groups
    look further apart than they are when there are few samples a question.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.

    Returns:
        The estimate.

    Raises:
        UsageError: all questions are of one type, or no sample is right or none wrong: then the model is not
            identified and `tries` is the way.

    Source:
        Inference Scaling fLaws, official notebooks: easy above a pass rate of 0.5, soundness from joint
        frequencies. They drop questions with a right sample that was rejected and set completeness to 1; we
        estimate it.

    Example:
        >>> two_types([[1, 1, 1], [1, 0, 0]], [[1, 1, 0], [0, 0, 1]]).soundness
        0.3333333333333333
    """
    counts(accepted_QS, correct_QS)
    accepted, correct = flags("accepted_QS", accepted_QS), flags("correct_QS", correct_QS)
    rate_Q = correct.mean(axis=1)
    easy_Q = rate_Q > 0.5
    if easy_Q.all() or not easy_Q.any():
        raise UsageError(
            "easy and hard questions cannot be told apart: all are on one side of a pass rate of 1/2"
        )
    return TwoTypes(
        share_easy=float(easy_Q.mean()),
        p_easy=float(rate_Q[easy_Q].mean()),
        p_hard=float(rate_Q[~easy_Q].mean()),
        completeness=_share(accepted, correct, "completeness", "right"),
        soundness=_share(~accepted, ~correct, "soundness", "wrong"),
    )


def two_types_intervals(
    accepted_QS: ArrayLike, correct_QS: ArrayLike, *, seed: int, level: float = 0.95, draws: int = 2000
) -> dict[str, Interval]:
    """The intervals of what `two_types` estimates, by the name of each quantity.

    The share is Wilson's, the accuracies resample the questions of each group (bootstrap-t), completeness and
    soundness are those of `verifier_audit`. They say how well this split is known, not how far it is from the
    truth: questions near 1/2 fall on either side by chance.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.
        seed: seed of the bootstrap.
        level: coverage aimed at.
        draws: bootstrap draws.

    Returns:
        One interval for each field of `TwoTypes`.

    Raises:
        UsageError: as in `two_types`, or a rate rests on fewer than two questions.

    Source:
        Ours; the paper states none.

    Example:
        >>> found = two_types_intervals([[1, 1], [1, 0]] * 10, [[1, 1], [0, 0]] * 10, seed=1)
        >>> print(round(found["share_easy"].low, 3), found["p_easy"].low)
        0.299 1.0
    """
    two_types(accepted_QS, correct_QS)
    accepted, correct = flags("accepted_QS", accepted_QS), flags("correct_QS", correct_QS)
    rate_Q = correct.mean(axis=1)
    easy_Q = rate_Q > 0.5
    if min(easy_Q.sum(), (~easy_Q).sum()) < 2:
        raise UsageError(
            "an interval cannot be said from this data: only one question is easy, or only one is hard"
        )
    question = np.repeat(np.arange(len(rate_Q)), accepted.shape[1])
    checked = audit(accepted.ravel(), np.ones(accepted.size), correct.ravel(), question_P=question, level=level)
    if checked.completeness is None or checked.soundness is None:
        raise UsageError(
            "completeness or soundness has no interval: too few questions have a sample of that kind"
        )
    return {
        "share_easy": wilson(int(easy_Q.sum()), len(easy_Q), level),
        "p_easy": _within(studentized(rate_Q[easy_Q], seed=seed, level=level, draws=draws)),
        "p_hard": _within(studentized(rate_Q[~easy_Q], seed=seed, level=level, draws=draws)),
        "completeness": checked.completeness.interval,
        "soundness": checked.soundness.interval,
    }


def _within(found: Interval) -> Interval:
    """A rate's interval ends at 0 and at 1."""
    return Interval(max(found.low, 0.0), min(found.high, 1.0), found.level)


def _share(yes_QS: NDArray[np.bool_], of_QS: NDArray[np.bool_], name: str, which: str) -> float:
    if not of_QS.any():
        raise UsageError(f"{name} cannot be said from this data: no sample is {which}")
    return float((yes_QS & of_QS).sum() / of_QS.sum())
