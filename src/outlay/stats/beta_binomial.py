"""Success rates that differ between questions: the Beta law behind counts of right samples."""

from __future__ import annotations

from math import inf, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma, expit, logit, polygamma

from outlay.errors import CannotSay, UsageError
from outlay.stats._beta_binomial_newton import maximise
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]
NO_SPREAD = 1e6
"""alpha + beta from which the rates of the questions differ by less than 0.001: all alike."""


class BetaBinomial(Struct, frozen=True):
    """Success rates p ~ Beta(alpha, beta) over questions, and what follows for k samples.

    `covariance` is that of (ln alpha, ln beta), row by row, robust to a law that is not quite Beta.
    """

    alpha: float
    beta: float
    covariance: tuple[float, float, float, float]
    questions: int
    mixed: int
    """Questions with a right and a wrong sample: the ones that tell alpha and beta."""

    @property
    def mean(self) -> float:
        """E[p] = alpha / (alpha + beta), the accuracy of one sample."""
        return self.alpha / (self.alpha + self.beta)

    def pass_at_k(self, k: float) -> float:
        """1 - B(alpha, beta + k) / B(alpha, beta): the chance that one of k samples is right, for any k >= 0."""
        _samples(k)
        return float(-np.expm1(betaln(self.alpha, self.beta + k) - betaln(self.alpha, self.beta)))

    def pass_hat_k(self, k: float) -> float:
        """B(alpha + k, beta) / B(alpha, beta): the chance that all of k samples are right, for any k >= 0."""
        _samples(k)
        return float(np.exp(betaln(self.alpha + k, self.beta) - betaln(self.alpha, self.beta)))

    def pass_at_k_interval(self, k: float, level: float = 0.95) -> Interval:
        """The interval of `pass_at_k`, by the delta method on its logit, for any k > 0.

        Measured coverage at 95 %, four times beyond the samples: `python bench/intervals.py`.
        """
        if not k > 0:
            raise UsageError(f"an interval of coverage needs a number of samples above 0, not {k}")
        if not 0 < level < 1:
            raise UsageError(f"level must be above 0 and below 1, not {level}")
        a, b = self.alpha, self.beta
        slope_a = a * (digamma(a + b) - digamma(a + b + k))
        slope_b = b * (digamma(b + k) - digamma(b) + digamma(a + b) - digamma(a + b + k))
        return self._on_logit(self.pass_at_k(k), slope_a, slope_b, level)

    def mean_interval(self, level: float = 0.95) -> Interval:
        """The interval of `mean`, by the delta method on its logit."""
        return self.pass_at_k_interval(1, level)

    def _on_logit(self, share: float, slope_a: float, slope_b: float, level: float) -> Interval:
        """From the slopes of ln(1 - share) in (ln alpha, ln beta)."""
        aa, ab, _, bb = self.covariance
        error = sqrt(max(0.0, slope_a**2 * aa + 2 * slope_a * slope_b * ab + slope_b**2 * bb))
        if not 0 < share < 1:
            return Interval(share, share, level)
        half = NormalDist().inv_cdf((1 + level) / 2) * error / share
        low, high = (float(expit(logit(share) + sign * half)) for sign in (-1, 1))
        return Interval(low, high, level)


def _samples(k: float) -> None:
    if not 0 <= k < inf:
        raise UsageError(f"the number of samples must be finite and from 0, not {k}")


def beta_binomial(right_Q: ArrayLike, samples_Q: ArrayLike) -> BetaBinomial:
    """The Beta(alpha, beta) of most likelihood for c right of n samples a question, c ~ Beta-binomial.

    Args:
        right_Q: right samples of each question, whole numbers 0 … samples.
        samples_Q: samples of each question, from 1; one number for all is allowed.

    Returns:
        The law. Rates that show no spread at all give alpha + beta at its limit of about 1e6, whose coverage is
        that of equal questions, 1 - (1 - p)^k.

    Raises:
        UsageError: no questions, or counts that are not whole numbers in their range.
        CannotSay: fewer than two questions have both a right and a wrong sample.

    Cost:
        Time and memory linear in questions, then in the samples of one question.

    Source:
        Beta form of coverage: ours, beside the power law of Brown et al. 2024 (arXiv 2407.21787); likelihood after
        Skellam 1948; sandwich covariance (White 1982).

    Example:
        >>> law = beta_binomial([0, 0, 1, 2, 4, 8, 8, 3], 8)
        >>> print(f"{law.mean:.2f} {law.pass_at_k(8):.2f}")
        0.45 0.72
    """
    right, samples = _counts(right_Q, samples_Q)
    mixed = int(((right > 0) & (right < samples)).sum())
    if mixed < 2:
        raise CannotSay(
            f"{mixed} of {len(right)} questions have both a right and a wrong sample; the spread of success rates "
            "needs at least 2 of them: add questions or samples"
        )
    most = int(samples.max())
    tails = (_tail(counts, most)[None, :] for counts in (right, samples - right, samples))
    log_P = maximise(*tails, most=log(NO_SPREAD))[0]
    alpha, beta = (float(v) for v in np.exp(log_P))
    return BetaBinomial(alpha, beta, _covariance(right, samples, alpha, beta), len(right), mixed)


class Draws(NamedTuple):
    """Bootstrap draws of the law: U distinct counts, their share in each draw, and the draw's parameters."""

    right: Floats
    samples: Floats
    weight_KU: Floats
    alpha_K: Floats
    beta_K: Floats


def beta_binomial_draws(right_Q: ArrayLike, samples_Q: ArrayLike, *, draws: int, seed: int) -> Draws:
    """The law refitted on questions drawn with replacement, all draws at once.

    Args:
        right_Q: right samples of each question, as for `beta_binomial`.
        samples_Q: samples of each question.
        draws: bootstrap draws, from 1.
        seed: seed of the draws.

    Returns:
        The draws. One without any spread or without any right sample sits at its limit, as in `beta_binomial`.

    Raises:
        UsageError: as for `beta_binomial`.

    Cost:
        Linear in questions, then draws x (distinct counts + samples of one question).

    Example:
        >>> beta_binomial_draws([0, 1, 2, 4], 4, draws=3, seed=1).alpha_K.shape
        (3,)
    """
    right, samples = _counts(right_Q, samples_Q)
    pairs, seen = np.unique(np.stack([right, samples], axis=1), axis=0, return_counts=True)
    n, most = len(right), int(samples.max())
    weight_KU = np.random.default_rng(seed).multinomial(n, seen / n, size=draws).astype(float)
    above = np.arange(most)
    tails = (
        weight_KU @ (counts[:, None] > above).astype(float)
        for counts in (pairs[:, 0], pairs[:, 1] - pairs[:, 0], pairs[:, 1])
    )
    alpha_K, beta_K = np.exp(maximise(*tails, most=log(NO_SPREAD))).T
    return Draws(pairs[:, 0], pairs[:, 1], weight_KU / n, alpha_K, beta_K)


def _tail(counts_Q: Floats, most: int) -> Floats:
    """How many questions have more than j, for j = 0 … most - 1."""
    return np.bincount(counts_Q.astype(int), minlength=most + 1)[::-1].cumsum()[::-1][1:].astype(float)


def _covariance(right: Floats, samples: Floats, alpha: float, beta: float) -> tuple[float, float, float, float]:
    """The sandwich H^-1 (sum of squared scores) H^-1 in (ln alpha, ln beta)."""
    if alpha + beta > NO_SPREAD / 10:
        return _covariance_without_spread(right, samples, alpha / (alpha + beta))
    shared = digamma(alpha + beta) - digamma(alpha + beta + samples)
    score_a = alpha * (digamma(alpha + right) - digamma(alpha) + shared)
    score_b = beta * (digamma(beta + samples - right) - digamma(beta) + shared)
    bend = polygamma(1, alpha + beta) - polygamma(1, alpha + beta + samples)
    aa = score_a.sum() + alpha**2 * (polygamma(1, alpha + right) - polygamma(1, alpha) + bend).sum()
    bb = score_b.sum() + beta**2 * (polygamma(1, beta + samples - right) - polygamma(1, beta) + bend).sum()
    ab = alpha * beta * bend.sum()
    inverse = np.linalg.pinv(np.array([[aa, ab], [ab, bb]]), hermitian=True)
    scores = np.stack([score_a, score_b])
    flat = (inverse @ (scores @ scores.T) @ inverse).ravel()
    return float(flat[0]), float(flat[1]), float(flat[2]), float(flat[3])


def _covariance_without_spread(
    right: Floats, samples: Floats, mean: float
) -> tuple[float, float, float, float]:
    """The same where alpha + beta is at its limit and only the mean is free."""
    variance = float(((right - samples * mean) ** 2).sum() / (samples.sum() * mean * (1 - mean)) ** 2)
    cross = -mean * (1 - mean) * variance
    return (1 - mean) ** 2 * variance, cross, cross, mean**2 * variance


def _counts(right_Q: ArrayLike, samples_Q: ArrayLike) -> tuple[Floats, Floats]:
    right = np.asarray(right_Q, float)
    samples = np.broadcast_to(np.asarray(samples_Q, float), right.shape)
    if right.ndim != 1 or not len(right):
        raise UsageError("counts of right samples need one number a question, at least one question")
    whole = (
        np.isfinite(right).all() and (right == np.floor(right)).all() and (samples == np.floor(samples)).all()
    )
    if not whole or not ((samples >= 1) & (right >= 0) & (right <= samples)).all():
        raise UsageError(
            "right samples must be whole numbers between 0 and the samples, of which there is at least 1"
        )
    return right, samples
