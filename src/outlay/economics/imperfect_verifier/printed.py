"""The two-type model as the paper prints it, to compare with its figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outlay.economics.imperfect_verifier._flags import costs
from outlay.economics.imperfect_verifier.types import TwoTypes
from outlay.errors import UsageError


def reward_as_printed(types: TwoTypes, most: int, *, wrong: float) -> NDArray[np.float64]:
    """Reward(K) = sum_{k <= K} (P_TP(k) - wrong P_FP(k)) sum_i beta_i^(k - 1) p_i(k), for K = 1 … most.

    P_TP(k), P_FP(k) and p_i(k) are beliefs after k - 1 rejections. The last factor should hold the shares before
    any try instead of p_i(k): this overstates late tries. Use `reward`; this one is for the paper's figures.

    Args:
        types: the questions and the checker.
        most: the largest K, from 1.
        wrong: what handing out a wrong answer costs (rho), in worths of a right one.

    Returns:
        One value a K.

    Raises:
        UsageError: a cost or `most` is out of range.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024 (arXiv 2411.17501), section 4 and official notebook.

    Example:
        >>> print(reward_as_printed(TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75), 3, wrong=1.0).round(4))
        [0.449  0.4884 0.4637]
    """
    costs(wrong, 0.0)
    if most < 1:
        raise UsageError(f"the largest number of tries must be 1 or more, not {most}")
    reached_KT = types.rejected_T ** np.arange(most)[:, None]
    weight_KT = reached_KT * types.share_T
    total_K = weight_KT.sum(axis=1, keepdims=True)
    belief_KT = np.divide(weight_KT, total_K, out=np.zeros_like(weight_KT), where=total_K > 0)
    value_K = belief_KT @ (types.right_T - wrong * types.wrong_T)
    return np.cumsum(value_K * (reached_KT * belief_KT).sum(axis=1))


def best_tries_as_printed(types: TwoTypes, *, wrong: float, most: int = 800) -> int:
    """The first K up to `most` with the highest printed reward, or 0 if that is negative.

    Args:
        types: the questions and the checker.
        wrong: what handing out a wrong answer costs, in worths of a right one.
        most: the largest K looked at, the paper's 800.

    Returns:
        K. Values of about ln(1e-16) / ln(beta) mean "without end": there rounding hides further gains.

    Raises:
        UsageError: a cost or `most` is out of range.

    Source:
        As in `reward_as_printed`; the published heat map of the best K.

    Example:
        >>> [best_tries_as_printed(TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75), wrong=w) for w in (0.7, 1.0, 2.0)]
        [3, 2, 1]
    """
    values = reward_as_printed(types, most, wrong=wrong)
    return 0 if values.max() < 0 else int(values.argmax()) + 1
