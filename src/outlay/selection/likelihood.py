"""Likelihood: the answer that the model itself finds most likely."""

from __future__ import annotations

from math import fsum

from outlay.selection._classes import best_sample
from outlay.types import Choice, Pool, Sample


def likelihood(pool: Pool, *, normalised: bool = True) -> Choice:
    """The class of the voter of highest log pi(y|x) / |y| (or log pi(y|x)) over its tokens.

    Voters without token log-probabilities are left out. The log-probabilities must be the untempered model's;
    the sum favours short outputs, the mean does not.

    Args:
        pool: the samples of one question, with `completion.logprobs`.
        normalised: rank by the mean token log-probability; otherwise by the sum.

    Returns:
        A class's share of the likeliest voters, or an empty choice where no voter has log-probabilities.

    Source:
        Sharpening, Huang et al. 2024 (arXiv 2412.01951), section 2 and appendix A (inference-time best-of-N);
        truncated samples are left out and ties shared, where the paper takes the first.

    Example:
        >>> from outlay.types import Completion, TokenLogprob, Usage
        >>> def sample(i, key, *logps):
        ...     drawn = tuple(TokenLogprob("t", x) for x in logps)
        ...     return Sample(i, Completion("", "stop", Usage(1, len(logps)), logprobs=drawn), key=key)
        >>> pool = Pool("q", None, (sample(0, "7", -0.5), sample(1, "9", -0.3, -0.4)))
        >>> likelihood(pool).p, likelihood(pool, normalised=False).p
        ((('9', 1.0),), (('7', 1.0),))
    """
    scored = [(s.key, _logp(s, normalised)) for s in pool.voters if s.key is not None]
    return best_sample([(key, logp) for key, logp in scored if logp is not None])


def _logp(sample: Sample, normalised: bool) -> float | None:
    tokens = sample.completion.logprobs if sample.completion is not None else None
    if not tokens:
        return None
    total = fsum(t.logp for t in tokens)
    return total / len(tokens) if normalised else total
