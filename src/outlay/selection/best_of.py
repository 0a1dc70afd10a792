"""Best of n: the answer of the sample that the verifier scores highest."""

from __future__ import annotations

from outlay.selection._classes import best, classes, scores
from outlay.types import Choice, Pool


def best_of(pool: Pool) -> Choice:
    """The class of the voter with the highest verdict score; classes that tie for it share the mass evenly.

    A voter without a verdict counts as score 0. With an imperfect scorer more samples can hurt: rare,
    over-scored answers win (see `best_of_majority`).

    Args:
        pool: the samples of one question, with verdicts.

    Returns:
        Mass 1 on the class (shared among tied ones), or an empty choice without voters.

    Source:
        Cobbe et al. 2021 (arXiv 2110.14168), section 4.1.

    Example:
        >>> from outlay.types import Sample, Verdict
        >>> votes = [("7", 0.4), ("7", 0.4), ("9", 0.7)]
        >>> best_of(Pool("q", None, tuple(Sample(i, key=k, verdict=Verdict(s, s > 0.5))
        ...                               for i, (k, s) in enumerate(votes)))).p
        (('9', 1.0),)
    """
    return best({key: (max(scores(voters), default=0.0),) for key, voters in classes(pool.voters).items()})
