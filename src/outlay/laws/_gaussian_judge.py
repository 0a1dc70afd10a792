"""The solvable model of a judge that picks one of k answers: exact, at large k, and at high temperature.

An answer is a number y ~ N(mean, spread^2), the truth is `truth`, the judge scores -(y - centre)^2 and one of k answers
is taken: the best-scored at temperature 0, else each with weight exp(score / temperature). The error is the squared
distance of the taken answer from the truth. With b = mean - truth, a = mean - centre, tau = 2 spread^2 / temperature.
One question alone is not the published curve: average over questions before looking for a best k.
"""

from __future__ import annotations

from math import exp, hypot, inf, isfinite, pi, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from outlay.errors import UsageError

NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)


def best_of_k_error(k: int, *, mean: float, spread: float, centre: float, truth: float = 0.0) -> float:
    """E[(y - truth)^2] of the best-scored of k answers: the integral over u of k (1 - G(u))^(k-1) times the errors.

    G(u) is the chance that an answer is within u of the judge's centre. k = 1 gives b^2 + spread^2, and k to
    infinity (centre - truth)^2.

    Args:
        k: answers drawn, from 1.
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        centre: the answer that the judge likes best.
        truth: the right answer.

    Returns:
        The expected squared error, by Gauss and Legendre's rule with 400 nodes (relative error below 1e-6).

    Raises:
        UsageError: k below 1, a spread that is not above 0, or NaN.

    Source:
        Halder and Pehlevan 2025 (arXiv 2512.19905), best-of-k; the integral was derived again here.

    Example:
        >>> print(f"{best_of_k_error(8, mean=0.5, spread=1.0, centre=0.0):.6f}")
        0.047157
    """
    _check(k=k, spread=spread, numbers=(mean, centre, truth))
    a, b = mean - centre, mean - truth

    def beyond(u: float) -> float:
        return float(ndtr((-u - a) / spread) + ndtr((a - u) / spread))

    # Past this distance all k answers would have to lie, which is less likely than rounding.
    end = brentq(lambda u: k * np.log(beyond(u) + 1e-300) + 37, 0.0, abs(a) + 40 * spread)
    u = np.asarray(end) * (NODES + 1) / 2
    density = [np.exp(-(((centre + sign * u - mean) / spread) ** 2) / 2) for sign in (1, -1)]
    error = [(centre + sign * u - truth) ** 2 for sign in (1, -1)]
    weight = k * (ndtr((-u - a) / spread) + ndtr((a - u) / spread)) ** (k - 1) / (spread * sqrt(2 * pi))
    value = (weight * (density[0] * error[0] + density[1] * error[1])) @ WEIGHTS * np.asarray(end) / 2
    return float(value) if k > 1 else b**2 + spread**2


def perfect_judge_error(k: int, *, mean: float, spread: float, truth: float = 0.0) -> float:
    """The value pi spread^2 exp(b^2 / spread^2) / k^2: the error for large k when the judge's centre is the truth.

    Args:
        k: answers drawn, from 1; the form holds for k far above exp(b^2 / (2 spread^2)).
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        truth: the right answer, the judge's centre.

    Returns:
        The expected squared error.

    Raises:
        UsageError: k below 1, a spread that is not above 0, or NaN.

    Source:
        Halder and Pehlevan 2025, Theta(1/k^2) of the abstract; the constant was derived again here.

    Example:
        >>> print(f"{256**2 * perfect_judge_error(256, mean=0.5, spread=1.0):.4f}")
        4.0339
    """
    _check(k=k, spread=spread, numbers=(mean, truth))
    return pi * spread**2 * exp(((mean - truth) / spread) ** 2) / k**2


def many_answers_error(
    temperature: float, *, mean: float, spread: float, centre: float, truth: float = 0.0
) -> float:
    """(b - a u)^2 + spread^2 (1 - u), u = tau / (1 + tau): the error at a temperature as k goes to infinity.

    Args:
        temperature: of the choice among answers, from 0 (the best-scored); infinity takes any.
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        centre: the answer that the judge likes best.
        truth: the right answer.

    Returns:
        The expected squared error.

    Raises:
        UsageError: a negative temperature, a spread that is not above 0, or NaN.

    Source:
        Derived here from the model of Halder and Pehlevan 2025; exact.

    Example:
        >>> print(many_answers_error(2.0, mean=0.5, spread=1.0, centre=0.0))
        0.5625
    """
    _check(spread=spread, numbers=(mean, centre, truth))
    if not temperature >= 0:
        raise UsageError(f"the temperature must be 0 or more, not {temperature}")
    a, b = mean - centre, mean - truth
    u = 1.0 if temperature == 0 else 2 * spread**2 / (temperature + 2 * spread**2)
    return (b - a * u) ** 2 + spread**2 * (1 - u)


def best_temperature(*, mean: float, spread: float, centre: float, truth: float = 0.0) -> float:
    """T = 2 spread^2 (1 - u) / u, u = (2ab + spread^2) / (2a^2) clipped to [0, 1]: the best T as k goes to infinity.

    Above 0 only where spread^2 + 2ab < 2a^2: a judge far from the answers' mean, and off the truth. Infinite
    where the judge misleads so much that any answer is better than a chosen one.

    Args:
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        centre: the answer that the judge likes best.
        truth: the right answer.

    Returns:
        The temperature, from 0 to infinity.

    Raises:
        UsageError: a spread that is not above 0, or NaN.

    Source:
        Derived here from the model of Halder and Pehlevan 2025.

    Example:
        >>> print(f"{best_temperature(mean=0.5, spread=1.0, centre=-0.8):.5f}")
        0.93913
    """
    _check(spread=spread, numbers=(mean, centre, truth))
    a, b = mean - centre, mean - truth
    if 2 * a * b + spread**2 >= 2 * a**2:
        return 0.0
    u = (2 * a * b + spread**2) / (2 * a**2)
    return inf if u <= 0 else 2 * spread**2 * (1 - u) / u


def best_centre(temperature: float, *, mean: float, spread: float, truth: float = 0.0) -> float:
    """Truth - T / (2 spread^2) (mean - truth): the best judge at a temperature as k goes to infinity.

    It overshoots the truth, away from the answers' bias, and is the truth only at T = 0. The error is then
    spread^2 / (1 + tau).

    Args:
        temperature: of the choice among answers, from 0, finite.
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        truth: the right answer.

    Returns:
        The judge's centre.

    Raises:
        UsageError: a temperature that is negative or infinite, a spread that is not above 0, or NaN.

    Source:
        Derived here from the model of Halder and Pehlevan 2025; c = T / (2 sigma^2) in the official code.

    Example:
        >>> print(best_centre(2.0, mean=0.5, spread=1.0))
        -0.5
    """
    _check(spread=spread, numbers=(mean, truth, temperature))
    if temperature < 0:
        raise UsageError(f"the temperature must be 0 or more, not {temperature}")
    return truth - temperature / (2 * spread**2) * (mean - truth)


def warm_judge_error(
    k: int, temperature: float, *, mean: float, spread: float, centre: float, truth: float = 0.0
) -> float:
    """A + B (1 - 1/k) + C (1 - 1/k)(1 - 2/k) + D (1 - 1/k)(1 - 2/k)(1 - 3/k): the error at a high temperature.

    A = b^2 + s^2, B = -tau (2ab + s^2), C = tau^2 (a^2 + 2ab + s^2), D = -tau^3 (2a^2 + 2ab + s^2), s the
    spread. The series in tau up to the third order; rough unless tau is far below 1.

    Args:
        k: answers drawn, from 1.
        temperature: of the choice among answers, above 0.
        mean: mean of the answers.
        spread: standard deviation of the answers, above 0.
        centre: the answer that the judge likes best.
        truth: the right answer.

    Returns:
        The expected squared error.

    Raises:
        UsageError: k below 1, a temperature or a spread that is not above 0, or NaN.

    Source:
        Halder and Pehlevan 2025, high-temperature expansion (labels of the low and the high one are swapped in
        the official plots); coefficients derived again here.

    Example:
        >>> print(f"{warm_judge_error(2, 20.0, mean=0.5, spread=1.0, centre=0.0):.4f}")
        1.1750
    """
    _check(k=k, spread=spread, numbers=(mean, centre, truth, temperature))
    if not temperature > 0:
        raise UsageError(f"the temperature must be above 0, not {temperature}")
    a, b, tau, square = mean - centre, mean - truth, 2 * spread**2 / temperature, spread**2
    one, two, three = 1 - 1 / k, 1 - 2 / k, 1 - 3 / k
    first, second = -tau * (2 * a * b + square), tau**2 * (a * a + 2 * a * b + square)
    third = -(tau**3) * (2 * a * a + 2 * a * b + square)
    return b * b + square + first * one + second * one * two + third * one * two * three


def remaining_variance(*, d: int, n: int, s: float, sigma: float, gamma: float) -> float:
    """R = (S^2 / 2)(h + sqrt(h^2 + 4 R0 / S^2)), R0 = d sigma^2 / (n gamma^2), h = d/n + R0/S^2 - 1.

    It solves R = R0 + (d/n) R S^2 / (S^2 + R): what n training pairs leave unknown in d dimensions. An answer's
    mean is then the truth times S^2 / (R + S^2), and its variance sigma^2 + gamma^2 |x|^2 R / (R + S^2).

    Args:
        d: dimensions, from 1.
        n: training pairs, from 1.
        s: scale S of the inputs, above 0.
        sigma: noise of the training answers, from 0.
        gamma: scale of the prior, above 0.

    Returns:
        R, from 0.

    Raises:
        UsageError: a value is out of its range.

    Source:
        Halder and Pehlevan 2025, deterministic equivalents, as in the official code.

    Example:
        >>> print(f"{remaining_variance(d=10, n=10_000, s=1.0, sigma=1e-4, gamma=1e-3):.4e}")
        1.0010e-05
    """
    if not (d >= 1 and n >= 1 and s > 0 and sigma >= 0 and gamma > 0):
        raise UsageError("remaining_variance needs d and n from 1, s and gamma above 0, sigma from 0")
    start = d * sigma**2 / (n * gamma**2)
    h, root = d / n + start / s**2 - 1, 2 * sqrt(start) / s
    # For h < 0 the printed sum cancels; its conjugate does not.
    return s**2 / 2 * (h + hypot(h, root)) if h >= 0 else 2 * start / (hypot(h, root) - h)


def _check(*, spread: float, numbers: tuple[float, ...], k: int = 1) -> None:
    if not k >= 1:
        raise UsageError(f"a judge needs at least one answer, not {k}")
    if not (spread > 0 and isfinite(spread) and all(isfinite(x) for x in numbers)):
        raise UsageError("the model of a judge needs finite numbers and a spread above 0")
