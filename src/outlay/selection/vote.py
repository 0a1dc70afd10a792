"""Majority vote: the answer that most samples give."""

from __future__ import annotations

from outlay.selection._classes import best, classes
from outlay.types import Choice, Pool


def vote(pool: Pool) -> Choice:
    """The most frequent answer class, argmax over classes of the number of voters; ties shared evenly.

    Args:
        pool: the samples of one question.

    Returns:
        Mass 1 on the class (shared among tied ones), or an empty choice without voters.

    Source:
        Self-Consistency, Wang et al. 2022 (arXiv 2203.11171), section 2; the paper leaves ties open, here they
        are shared.

    Example:
        >>> from outlay.types import Sample
        >>> vote(Pool("q", "number", tuple(Sample(i, key=k) for i, k in enumerate("7794")))).p
        (('7', 1.0),)
    """
    return best({key: (len(voters),) for key, voters in classes(pool.voters).items()})
