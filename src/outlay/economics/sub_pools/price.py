"""What a sub-pool costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.sub_pools._tally import budgets
from outlay.money import Price


def cost_nusd(
    price: Price, input_tokens_Q: ArrayLike, output_tokens_QS: ArrayLike, ks: Sequence[int]
) -> NDArray[np.float64]:
    """The expected cost of a sub-pool in nano-dollars: the prompt once and k mean outputs.

    One request with n = k reads the prompt once. A mean over sub-pools, so not rounded; a purchase is rounded
    up.

    Args:
        price: what the model charges, cache buckets not used.
        input_tokens_Q: prompt tokens of each question.
        output_tokens_QS: output tokens of each recorded sample.
        ks: the sub-pool sizes, each 1 … n.

    Returns:
        Shape (questions, budgets), in nano-dollars.

    Raises:
        UsageError: a budget is out of range.

    Example:
        >>> print(cost_nusd(Price(1_000_000, 2_000_000), [100], [[10, 20]], [1, 2]))
        [[130. 160.]]
    """
    prompt_Q, output_QS = np.asarray(input_tokens_Q, float), np.asarray(output_tokens_QS, float)
    k_K = np.array(budgets(ks, output_QS.shape[1]), float)
    micro_QK = (
        prompt_Q[:, None] * price.input_nusd_per_mtok
        + k_K * output_QS.mean(axis=1)[:, None] * price.output_nusd_per_mtok
    )
    return micro_QK / 1e6
