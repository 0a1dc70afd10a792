"""How many reasoning tokens to buy: k = c · sqrt(n) · log(1 / epsilon), c fitted to one's own sweep."""

from __future__ import annotations

from math import ceil, exp, log

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.laws._form import form_of
from outlay.laws._result import FormTest, Prediction
from outlay.stats.interval import Interval
from outlay.stats.least_squares import coefficient_intervals, lack_of_fit

Floats = NDArray[np.float64]
AGAINST = "another power of the context size or of log(1 / epsilon), or tokens needed at once"


class Fit(Struct, frozen=True):
    """A fitted constant of the chain-length rule.

    The rule was derived, never measured, by its authors: trust `form` over it, and keep a control arm without a
    cap. n is ambiguous in the paper (examples or tokens) and so is the base of the logarithm: both are absorbed
    in `c`, which therefore holds for one model, one workload and one meaning of n.

    Attributes:
        c: tokens per sqrt(n) per nat, above 0.
        c_interval: interval of it.
        form: the residual test.
        sizes: smallest and largest n fitted.
        epsilons: smallest and largest epsilon fitted.
    """

    c: float
    c_interval: Interval
    form: FormTest
    sizes: tuple[float, float]
    epsilons: tuple[float, float]

    def predict(self, n: float, epsilon: float) -> Prediction:
        """k* = c sqrt(n) log(1 / epsilon), rising in n and in 1 / epsilon; the cap to set is its ceiling.

        Args:
            n: size of the context, in the meaning that was fitted, above 0.
            epsilon: accuracy that may be lost against the plateau, in (0, 1).

        Returns:
            Reasoning tokens with the interval of the mean; a warning outside the fitted n or epsilon, or where
            the form is wrong.

        Raises:
            UsageError: a value out of range.
        """
        unit = _unit(n, epsilon)
        interval = Interval(self.c_interval.low * unit, self.c_interval.high * unit, self.c_interval.level)
        return Prediction(self.c * unit, interval, self._past(n, epsilon))

    def invert(self, tokens: float, n: float) -> Prediction:
        """Epsilon = exp(-k / (c sqrt(n))): the accuracy lost with a cap of k tokens.

        Args:
            tokens: k, from 0.
            n: size of the context, above 0.

        Returns:
            epsilon in (0, 1], with a warning as in `predict`.

        Raises:
            UsageError: a value out of range.
        """
        if not (np.isfinite(tokens) and tokens >= 0):
            raise UsageError(f"Reasoning tokens are counted from 0, not {tokens}.")
        nats = tokens / _unit(n, exp(-1))
        lost = exp(-nats / self.c)
        low, high = (exp(-nats / c) if c > 0 else 0.0 for c in (self.c_interval.low, self.c_interval.high))
        return Prediction(lost, Interval(low, high, self.c_interval.level), self._past(n, lost))

    def _past(self, n: float, epsilon: float) -> str:
        said = []
        if not self.sizes[0] <= n <= self.sizes[1]:
            said.append(f"context sizes from {self.sizes[0]:g} to {self.sizes[1]:g}")
        if not self.epsilons[0] * (1 - 1e-9) <= epsilon <= self.epsilons[1] * (1 + 1e-9):
            said.append(f"losses from {self.epsilons[0]:g} to {self.epsilons[1]:g}")
        past = f"The rule was fitted on {' and '.join(said)} only." if said else ""
        return " ".join(part for part in (past, self.form.words if self.form.wrong else "") if part)


def fit(n_N: ArrayLike, epsilon_N: ArrayLike, tokens_N: ArrayLike, *, level: float = 0.95) -> Fit:
    """Least squares through the origin: c = sum x k / sum x^2 with x = sqrt(n) log(1 / epsilon).

    The residual test adds an intercept, x times log n and x times log log(1 / epsilon): the directions in which
    the powers 1/2 and 1 would change. It needs several n and several epsilon.

    Args:
        n_N: context size of each observation, above 0.
        epsilon_N: accuracy lost against the plateau, in (0, 1).
        tokens_N: smallest number of reasoning tokens with that loss (`smallest_budget`), from 0.
        level: level of the interval.

    Returns:
        The fit; its interval is robust to a spread that grows with k.

    Raises:
        UsageError: unequal lengths or values out of range.
        CannotSay: fewer than two observations, or no reasoning at all.

    Source:
        Chlon et al. 2025 (arXiv 2507.11768 v1) as shipped in `leochlon/pythea`, `offline/qmv.py`: natural
        logarithm, c by least squares through the origin. The default c = 1 there is not kept: there is no
        fit without data. Interval and residual test are ours.

    Example:
        >>> fitted = fit([16, 64, 100], [0.1, 0.05, 0.01], [92.1, 239.7, 460.5])
        >>> print(round(fitted.c, 2), round(fitted.predict(64, 0.05).value))
        10.0 240
    """
    n, epsilon, tokens = (np.asarray(a, float).reshape(-1) for a in (n_N, epsilon_N, tokens_N))
    if not len(n) == len(epsilon) == len(tokens):
        raise UsageError("The rule needs as many context sizes and losses as token counts.")
    if len(n) < 2:
        raise CannotSay("The constant needs at least two observations.")
    if not (np.isfinite([n, epsilon, tokens]).all() and (n > 0).all() and (tokens >= 0).all()):
        raise UsageError("Context sizes must be above 0 and token counts from 0.")
    if not ((epsilon > 0) & (epsilon < 1)).all():
        raise UsageError("Losses must be between 0 and 1, ends excluded.")
    if tokens.max() <= 0:
        raise CannotSay("No observation used a reasoning token, so nothing says how many to buy.")
    x = np.sqrt(n) * np.log(1 / epsilon)
    c = float(x @ tokens / (x @ x))
    left = tokens - c * x
    (interval,) = coefficient_intervals([c], x[:, None], left, level=level)
    more = np.stack([np.ones_like(x), x * np.log(n), x * np.log(np.log(1 / epsilon))], axis=1)
    # Weighted by 1 / x: the spread of a token count grows with it, and the test presumes equal spread.
    test = lack_of_fit(left / x, np.ones((len(x), 1)), more / x[:, None], against=AGAINST)
    return Fit(
        c=c,
        c_interval=Interval(max(interval.low, 0.0), interval.high, level),
        form=form_of(test),
        sizes=(float(n.min()), float(n.max())),
        epsilons=(float(epsilon.min()), float(epsilon.max())),
    )


def smallest_budget(budget_B: ArrayLike, accuracy_B: ArrayLike, epsilon: float) -> int | None:
    """The smallest budget from which on accuracy stays within epsilon of the plateau, its highest value.

    From a sweep of chains cut at several budgets. None where only the last budget qualifies: accuracy may still
    rise, so it cannot be said.

    Args:
        budget_B: reasoning tokens, rising, from 0.
        accuracy_B: accuracy at each, in [0, 1].
        epsilon: accuracy that may be lost, in (0, 1).

    Returns:
        Tokens, or None.

    Raises:
        UsageError: values out of range, or budgets that do not rise.

    Source:
        Ours: the paper has no procedure; "stays" instead of "is first" because measured curves dip.

    Example:
        >>> smallest_budget([0, 100, 200, 400, 800], [0.2, 0.5, 0.66, 0.69, 0.7], 0.05)
        200
    """
    budget, accuracy = np.asarray(budget_B, float), np.asarray(accuracy_B, float)
    if budget.ndim != 1 or budget.shape != accuracy.shape or len(budget) < 2 or not 0 < epsilon < 1:
        raise UsageError("A sweep needs two budgets or more, an accuracy at each, and a loss between 0 and 1.")
    if not (np.isfinite([budget, accuracy]).all() and budget[0] >= 0 and (np.diff(budget) > 0).all()):
        raise UsageError("The budgets of a sweep must rise from 0 or more; accuracies must be numbers.")
    if accuracy.min() < 0 or accuracy.max() > 1:
        raise UsageError("Accuracies must be in [0, 1].")
    short = np.flatnonzero(accuracy < accuracy.max() - epsilon - 1e-12)
    first = 0 if len(short) == 0 else int(short[-1]) + 1
    return None if first == len(budget) - 1 else ceil(budget[first])


def _unit(n: float, epsilon: float) -> float:
    if not (np.isfinite(n) and n > 0 and 0 < epsilon < 1):
        raise UsageError("The context size must be above 0 and the loss between 0 and 1, ends excluded.")
    return float(np.sqrt(n)) * log(1 / epsilon)
