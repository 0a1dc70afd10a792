"""Two success rates behind counts of right samples: the mixture of two binomials of most likelihood."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, xlogy

Floats = NDArray[np.float64]
STEPS = 5000
SETTLED = 1e-9
EDGE = 1e-9
"""How far rates and the share stay from 0 and 1."""


class TwoBinomials(NamedTuple):
    """A share of the questions is right with `p_high` a sample, the others with `p_low`; `n` samples each."""

    share: float
    p_high: float
    p_low: float
    n: int

    def log_odds_T(self, right_Q: Floats) -> Floats:
        """The log-odds of the high type after each count."""
        high, low = (_log_likelihood(right_Q, self.n, p) for p in (self.p_high, self.p_low))
        return float(logit(self.share)) + high - low

    def log_likelihood(self, right_Q: Floats) -> float:
        """That of the counts, without the binomial coefficients."""
        high, low = (_log_likelihood(right_Q, self.n, p) for p in (self.p_high, self.p_low))
        return float(np.logaddexp(np.log(self.share) + high, np.log1p(-self.share) + low).sum())


def two_binomials(right_Q: Floats, n: int) -> TwoBinomials:
    """The mixture of most likelihood, by expectation and maximisation from a split at a rate of 1/2.

    Args:
        right_Q: right samples of each question, 0 … n.
        n: samples of each question, at least 3: fewer do not identify three numbers.

    Returns:
        The mixture; both rates equal where the counts show no second type.

    Source:
        Dempster, Laird and Rubin 1977; identified from 2 x 2 - 1 = 3 samples on: Teicher 1961, Blischke 1964.
    """
    counts, seen = np.unique(right_Q, return_counts=True)
    middle = (counts.min() + counts.max()) / 2
    high = counts > n / 2 if counts.min() <= n / 2 < counts.max() else counts > middle
    now = _maximised(np.where(high, 0.99, 0.01), counts, seen, n)
    for _ in range(STEPS):
        then = _maximised(expit(now.log_odds_T(counts)), counts, seen, n)
        done = max(abs(a - b) for a, b in zip(then[:3], now[:3], strict=True)) < SETTLED
        now = then
        if done:
            break
    if now.p_high < now.p_low:
        return TwoBinomials(1 - now.share, now.p_low, now.p_high, n)
    return now


def one_binomial(right_Q: Floats, n: int) -> float:
    """The most likelihood that one rate for all gives, without the binomial coefficients."""
    return float(_log_likelihood(right_Q, n, float(right_Q.mean()) / n).sum())


def standard_errors(found: TwoBinomials, right_Q: Floats) -> Floats:
    """Errors of the logits of the share and of both rates: H^-1 (sum of squared scores) H^-1, Q / (Q - 3).

    Robust to rates that differ a little within a type.

    Args:
        found: the mixture.
        right_Q: the counts that it was fitted to, more than 3.

    Returns:
        Three errors; useless for a rate at 0 or 1.

    Source:
        White 1982; the factor is that of a sandwich with three parameters (MacKinnon and White 1985).
    """
    p_T = np.array([found.p_high, found.p_low])
    weight = expit(found.log_odds_T(right_Q))
    post_QT = np.stack([weight, 1 - weight], axis=1)
    off_QT = right_Q[:, None] - found.n * p_T
    # Of log f: the first derivatives, and the second ones of f over f less their products.
    score_Q3 = np.column_stack([weight - found.share, post_QT * off_QT])
    bent_QT = post_QT * (off_QT**2 - found.n * p_T * (1 - p_T))
    share = found.share
    bend = np.zeros((3, 3))
    bend[0, 0] = ((weight - share) * (1 - 2 * share)).sum()
    bend[0, 1:] = bend[1:, 0] = (post_QT * off_QT * [1 - share, -share]).sum(axis=0)
    bend[1, 1], bend[2, 2] = bent_QT.sum(axis=0)
    inverse = np.linalg.pinv(bend - score_Q3.T @ score_Q3, hermitian=True)
    variance = np.diag(inverse @ (score_Q3.T @ score_Q3) @ inverse)
    return np.sqrt(np.maximum(variance, 0.0) * len(right_Q) / (len(right_Q) - 3))


def _maximised(weight_U: Floats, counts_U: Floats, seen_U: NDArray[np.int64], n: int) -> TwoBinomials:
    high, low = weight_U @ seen_U, (1 - weight_U) @ seen_U
    p_high = (weight_U * counts_U) @ seen_U / (n * max(high, EDGE))
    p_low = ((1 - weight_U) * counts_U) @ seen_U / (n * max(low, EDGE))
    share, p_high, p_low = np.clip([high / seen_U.sum(), p_high, p_low], EDGE, 1 - EDGE).tolist()
    return TwoBinomials(share, p_high, p_low, n)


def _log_likelihood(right_Q: Floats, n: int, p: float) -> Floats:
    return xlogy(right_Q, p) + xlogy(n - right_Q, 1 - p)
