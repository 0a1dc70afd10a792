"""First accepted: the answer of the first sample that the verifier lets pass."""

from __future__ import annotations

from outlay.types import Choice, Pool


def first_accepted(pool: Pool) -> Choice:
    """The class of the accepted voter with the lowest sample index.

    By index, not by arrival, so the result does not depend on which sample came back first.

    Args:
        pool: the samples of one question, with verdicts.

    Returns:
        Mass 1 on that class, or an empty choice when nothing was accepted.

    Source:
        Repeated sampling with a checker, Brown et al. 2024 (arXiv 2407.21787), section 2.

    Example:
        >>> from outlay.types import Sample, Verdict
        >>> first_accepted(Pool("q", None, (Sample(0, key="7", verdict=Verdict(0.2, False)),
        ...                                 Sample(1, key="9", verdict=Verdict(1.0, True))))).p
        (('9', 1.0),)
    """
    accepted = [s for s in pool.voters if s.verdict is not None and s.verdict.accepted]
    first = min(accepted, key=lambda s: s.index, default=None)
    return Choice() if first is None or first.key is None else Choice(((first.key, 1.0),))
