"""Best of n: the answer of the sample that the verifier scores highest."""

from __future__ import annotations

from outlay.selection._classes import best_sample
from outlay.types import Choice, Pool


def best_of(pool: Pool) -> Choice:
    """The class of the voter with the highest verdict score; of voters that tie for it each is as likely.

    A voter without a verdict counts as score 0. With an imperfect scorer more samples can hurt: rare,
    over-scored answers win (see `best_of_majority`). A scorer of few distinct scores ties most of the time: shared
    by sample, what many samples say keeps its weight, where shared by class one slip would count as much as they.

    Args:
        pool: the samples of one question, with verdicts.

    Returns:
        A class's share of the best-scored voters, or an empty choice without voters.

    Source:
        Cobbe et al. 2021 (arXiv 2110.14168), section 4.1; how ties are broken is ours (at random by sample).

    Example:
        >>> from outlay.types import Sample, Verdict
        >>> votes = [("7", 0.4), ("7", 0.4), ("9", 0.7)]
        >>> best_of(Pool("q", None, tuple(Sample(i, key=k, verdict=Verdict(s, s > 0.5))
        ...                               for i, (k, s) in enumerate(votes)))).p
        (('9', 1.0),)
    """
    return best_sample(
        [(s.key, s.verdict.score if s.verdict else 0.0) for s in pool.voters if s.key is not None]
    )
