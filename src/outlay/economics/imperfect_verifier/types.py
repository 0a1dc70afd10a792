"""Easy and hard questions under a checker that errs: rewards and the best number of tries in closed form."""

from __future__ import annotations

from math import ceil, inf, log

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.imperfect_verifier._flags import costs
from outlay.errors import UsageError

NEVER = 1e-12
"""Differences of probabilities below this are rounding."""


class TwoTypes(Struct, frozen=True):
    """A share `share_easy` of the questions is right with `p_easy` a sample, the others with `p_hard`.

    The checker accepts a right sample with probability `completeness` and rejects a wrong one with probability
    `soundness`, on either type.
    """

    share_easy: float
    p_easy: float
    p_hard: float
    completeness: float = 1.0
    soundness: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be between 0 and 1, not {getattr(self, name)}")

    @property
    def share_T(self) -> NDArray[np.float64]:
        """The shares of easy and hard questions."""
        return np.array([self.share_easy, 1 - self.share_easy])

    @property
    def right_T(self) -> NDArray[np.float64]:
        """The chance c r that a try ends with a right answer, of each type."""
        return self.completeness * np.array([self.p_easy, self.p_hard])

    @property
    def wrong_T(self) -> NDArray[np.float64]:
        """The chance (1 - s)(1 - r) that a try ends with a wrong answer, of each type."""
        return (1 - self.soundness) * (1 - np.array([self.p_easy, self.p_hard]))

    @property
    def rejected_T(self) -> NDArray[np.float64]:
        """The chance beta = (1 - c) r + s (1 - r) that a try is rejected, of each type."""
        p_T = np.array([self.p_easy, self.p_hard])
        return (1 - self.completeness) * p_T + self.soundness * (1 - p_T)


def reward(types: TwoTypes, tries: ArrayLike, *, wrong: float, try_cost: float = 0.0) -> NDArray[np.float64]:
    """Reward(K) = sum_i p_i (c r_i - wrong (1 - r_i)(1 - s) - try_cost) (1 - beta_i^K) / (1 - beta_i).

    The expected value of at most K tries, in units of a right answer's worth; 0 tries give 0.

    Args:
        types: the questions and the checker.
        tries: K, from 0; any shape.
        wrong: what handing out a wrong answer costs (rho), from 0, in worths of a right one.
        try_cost: what one draw and its check cost, from 0, in the same unit.

    Returns:
        The reward of each K.

    Raises:
        UsageError: a negative or non-finite cost, or negative tries.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024 (arXiv 2411.17501), section 4. The paper multiplies the value
        of try k by a chance of getting there under the updated beliefs; that chance needs the shares of the
        questions before any try, which gives this closed form (our correction; see `reward_as_printed`). The
        price of a try is ours; the paper sets it to 0.

    Example:
        >>> print(reward(TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75), [1, 2, 15], wrong=1.0).round(4))
        [0.449  0.4724 0.4326]
    """
    costs(wrong, try_cost)
    k = np.asarray(tries, float)
    if not (k >= 0).all():
        raise UsageError("tries must be 0 or more")
    beta_T, gain_T = types.rejected_T, _gain_T(types, wrong, try_cost)
    with np.errstate(divide="ignore", invalid="ignore"):
        tried_KT = (1 - beta_T ** k[..., None]) / (1 - beta_T)
    return np.where(beta_T < 1, tried_KT, k[..., None]) @ (types.share_T * gain_T)


def reward_limit(types: TwoTypes, *, wrong: float, try_cost: float = 0.0) -> float:
    """Reward(K) for K without end: sum_i p_i (c r_i - wrong (1 - r_i)(1 - s) - try_cost) / (1 - beta_i).

    A type of which nothing is ever accepted adds 0, or minus infinity if tries cost anything.

    Args:
        types: the questions and the checker.
        wrong: what handing out a wrong answer costs, in worths of a right one.
        try_cost: what a try costs, in the same unit.

    Returns:
        The limit.

    Raises:
        UsageError: a negative or non-finite cost.

    Source:
        As in `reward`.

    Example:
        >>> print(round(reward_limit(TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75), wrong=1.0), 6))
        0.432472
    """
    costs(wrong, try_cost)
    total = 0.0
    for share, gain, beta in zip(types.share_T, _gain_T(types, wrong, try_cost), types.rejected_T, strict=True):
        if share > 0 and gain != 0:
            total += share * gain / (1 - beta) if beta < 1 else -inf
    return float(total)


def best_tries(types: TwoTypes, *, wrong: float, try_cost: float = 0.0) -> float:
    """The number of tries with the highest reward: 0 is "do not answer", infinity "until one is accepted".

    Try k is worth sum_i p_i g_i beta_i^(k - 1), g_i = c r_i - wrong (1 - r_i)(1 - s) - try_cost: two
    exponentials, so its sign changes at most once, where (beta_1 / beta_2)^(k - 1) = -p_2 g_2 / (p_1 g_1).
    Of equally good numbers the smallest.

    Args:
        types: the questions and the checker.
        wrong: what handing out a wrong answer costs, in worths of a right one.
        try_cost: what a try costs, in the same unit.

    Returns:
        A whole number, or infinity.

    Raises:
        UsageError: a negative or non-finite cost.

    Source:
        As in `reward`; the closed form is ours. The published heat map shows 46 … 637 where the answer is
        infinite: there a computer's rounding ends the sum.

    Example:
        >>> illustration = TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75)
        >>> [best_tries(illustration, wrong=w) for w in (0.5, 0.7, 1.0, 2.0)]
        [inf, 3.0, 2.0, 1.0]
    """
    costs(wrong, try_cost)
    value_T = types.share_T * _gain_T(types, wrong, try_cost)
    value_T[np.abs(value_T) < NEVER] = 0.0
    first, later = value_T.sum(), value_T * (types.rejected_T > 0)
    if not later.any():
        return 1.0 if first > NEVER else 0.0
    slow = int(np.argmax(np.where(later != 0, types.rejected_T, -1.0)))
    if later[slow] > 0:
        return inf if reward_limit(types, wrong=wrong, try_cost=try_cost) > NEVER else 0.0
    if first <= NEVER:
        return 0.0
    fast = 1 - slow
    if later[fast] <= 0:
        return 1.0
    ratio = types.rejected_T[fast] / types.rejected_T[slow]
    if ratio >= 1:
        return inf
    return float(max(1, ceil(log(-later[slow] / later[fast]) / log(ratio) - NEVER)))


def break_even_wrong(types: TwoTypes) -> float:
    """rho* = c r_2 / ((1 - r_2)(1 - s)): below this cost of a wrong answer more free tries never hurt.

    The type that is rejected more often decides, because only it is left after many tries.

    Args:
        types: the questions and the checker.

    Returns:
        The cost in worths of a right answer; infinite for a checker that accepts nothing wrong.

    Source:
        As in `reward`; derived from its marginal value (ours).

    Example:
        >>> print(round(break_even_wrong(TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75)), 4))
        0.5977
    """
    left = int(np.argmax(np.where(types.share_T > 0, types.rejected_T, -1.0)))
    right, wrong = float(types.right_T[left]), float(types.wrong_T[left])
    return right / wrong if wrong > 0 else inf


def _gain_T(types: TwoTypes, wrong: float, try_cost: float) -> NDArray[np.float64]:
    return types.right_T - wrong * types.wrong_T - try_cost
