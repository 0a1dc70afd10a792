"""Weighted vote: the answer with the greatest sum of verifier scores."""

from __future__ import annotations

from math import fsum

from outlay.selection._classes import best, classes, scores
from outlay.types import Choice, Pool


def weighted(pool: Pool) -> Choice:
    """The class of greatest sum of verdict scores over its voters; ties shared evenly.

    A voter without a verdict adds nothing. If no voter scores above 0 all classes tie and share the mass.

    Args:
        pool: the samples of one question, with verdicts.

    Returns:
        Mass 1 on the class (shared among tied ones), or an empty choice without voters.

    Source:
        Li et al. 2023 (arXiv 2206.02336), section 3.2 (voting verifier); weighted best-of-n in Snell et al.
        2024.

    Example:
        >>> from outlay.types import Sample, Verdict
        >>> votes = [("7", 0.4), ("7", 0.4), ("9", 0.7)]
        >>> weighted(Pool("q", None, tuple(Sample(i, key=k, verdict=Verdict(s, s > 0.5))
        ...                                for i, (k, s) in enumerate(votes)))).p
        (('7', 1.0),)
    """
    return best({key: (fsum(scores(voters)),) for key, voters in classes(pool.voters).items()})
