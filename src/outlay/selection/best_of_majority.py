"""Best-of-majority: drop the rare answers, then trust the verifier."""

from __future__ import annotations

from math import fsum

from outlay.selection._classes import best, classes, drawn, scores
from outlay.stats.majority_threshold import majority_threshold
from outlay.types import Choice, Count, Pool, Sample, Share


def frequent(pool: Pool, alpha: float | None = None) -> tuple[str, ...]:
    """The answer classes that at least a share `alpha` of the drawn samples gave, first seen first.

    These are the only ones worth a verifier's price; there are at most 1 / alpha of them.

    Args:
        pool: the samples of one question; verdicts are not looked at.
        alpha: the threshold in [0, 1]; None takes `majority_threshold(n)`.

    Returns:
        The class keys, possibly none.
    """
    n = drawn(pool)
    if not n:
        return ()
    least = (majority_threshold(n) if alpha is None else alpha) * n - 1e-9
    return tuple(key for key, voters in classes(pool.voters).items() if len(voters) >= least)


def best_of_majority(pool: Pool, *, k: Count = 1, alpha: Share | None = None) -> Choice:
    """The k classes of highest mean verdict score among those with frequency count / n >= alpha.

    Places left over go to the most frequent of the rest, so that with nothing frequent it is the majority vote.
    Ties in score go to the more frequent class; what is tied in both shares the places evenly. Special cases:
    alpha = 0 is best-of-n over distinct answers, by mean score; constant scores give the k most frequent
    answers. More samples never hurt, unlike best-of-n; but below about n = 3 / p (p the right answer's
    probability) the threshold drops right answers too: there take `best_of`.

    Args:
        pool: the samples of one question, with verdicts at least on the classes of `frequent(pool, alpha)`.
        k: how many candidates to return.
        alpha: the least share of the drawn samples (failed ones left out) that keeps a class, in [0, 1]; None
            takes `majority_threshold(n)` = max(2 / n, 0.015).

    Returns:
        Mass 1 / k on each returned class (1 / m if there are only m < k classes), so k times a class's mass is
        the chance that it is among the k returned. Empty without voters.

    Source:
        Di et al. 2025 (arXiv 2510.03199), Algorithm 1. Open in the paper and decided here: the mean score of a
        class whose samples differ (samples without a verdict left out, none at all counts as 0), the ties, the
        filling up.

    Example:
        >>> from outlay.types import Sample, Verdict
        >>> votes = [("7", 0.6), ("7", 0.8), ("9", 0.99), ("8", 0.1), ("8", 0.1)]
        >>> best_of_majority(Pool("q", None, tuple(Sample(i, key=k, verdict=Verdict(s, s > 0.5))
        ...                                        for i, (k, s) in enumerate(votes)))).p
        (('7', 1.0),)
    """
    kept = set(frequent(pool, alpha))
    found = classes(pool.voters)
    rank = {
        key: (1, _mean(voters), len(voters)) if key in kept else (0, 0.0, len(voters))
        for key, voters in found.items()
    }
    return best(rank, k)


def _mean(voters: list[Sample]) -> float:
    known = scores(voters)
    return fsum(known) / len(known) if known else 0.0
