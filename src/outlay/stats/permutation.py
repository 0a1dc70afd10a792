"""Whether a value depends on the position at which its sample was drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


def position_test(value_QS: ArrayLike, *, seed: int, draws: int = 2000) -> float:
    """The p-value of "the value has the same law at every sample position", by permuting within each question.

    Statistic: sum over positions of the squared mean of (value - its question's mean). Independent draws with
    seeds of their own are exchangeable and give a uniform p; one seed for all questions makes position i share
    a random stream across questions and gives a p near 0. Constant values: p = 1. It sees means only, not other
    dependence.

    Args:
        value_QS: lengths, correctness or any number of each sample, shape (questions, samples), finite.
        seed: seed of the permutations.
        draws: random permutations; the least possible p is 1 / (1 + draws).

    Returns:
        The p-value, in (0, 1].

    Raises:
        UsageError: fewer than two samples a question, or not a table of finite numbers.

    Source:
        Permutation analysis of a randomised block design (Pitman 1938), questions as blocks.

    Example:
        >>> position_test([[0, 9, 0, 0]] * 12, seed=1) < 0.01
        True
    """
    value = np.asarray(value_QS, float)
    if value.ndim != 2 or value.shape[0] < 1 or value.shape[1] < 2 or not np.isfinite(value).all():
        raise UsageError("position_test needs a table of finite numbers, two samples a question at least")
    centred = value - value.mean(axis=1, keepdims=True)
    seen = _spread(centred)
    tolerance = 1e-9 * float((centred**2).sum() + 1e-300)
    rng = np.random.default_rng(seed)
    hits = sum(_spread(rng.permuted(centred, axis=1)) >= seen - tolerance for _ in range(draws))
    return (1 + hits) / (1 + draws)


def _spread(centred_QS: NDArray[np.float64]) -> float:
    return float((centred_QS.mean(axis=0) ** 2).sum())
