"""What at most K tries under a checker end in, exactly, from recorded samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.imperfect_verifier._flags import costs, counts
from outlay.errors import UsageError

Floats = NDArray[np.float64]


class Tries(Struct, frozen=True):
    """For each question and number of tries: the chances of a right and of a wrong answer, and the draws made.

    What is left to 1 is the chance of no answer (abstention).
    """

    ks: tuple[int, ...]
    right_QK: Floats
    wrong_QK: Floats
    draws_QK: Floats

    def reward_QK(self, *, wrong: float, try_cost: float = 0.0) -> Floats:
        """P(right) - wrong P(wrong) - try_cost draws, in worths of a right answer.

        Args:
            wrong: what handing out a wrong answer costs, from 0.
            try_cost: what one draw and its check cost, from 0.

        Returns:
            Shape (questions, numbers of tries).

        Raises:
            UsageError: a negative or non-finite cost.
        """
        costs(wrong, try_cost)
        return self.right_QK - wrong * self.wrong_QK - try_cost * self.draws_QK

    @property
    def abstained_QK(self) -> Floats:
        """The chance that nothing is accepted and nothing handed out."""
        return 1.0 - self.right_QK - self.wrong_QK


def tries(accepted_QS: ArrayLike, correct_QS: ArrayLike, ks: Sequence[int]) -> Tries:
    """The ends of "draw until accepted, at most K times": P(accepted) = 1 - C(n - A, K) / C(n, K), right T / A.

    Exact over all orders of the n samples of a question, A of them accepted and T of these right; no simulation.
    Unbiased for new independent tries at every K up to n, because T given A does not depend on the order.

    Args:
        accepted_QS: whether the checker accepts each sample.
        correct_QS: whether each sample is right.
        ks: numbers of tries, each 0 … n.

    Returns:
        The chances; K = 0 is not answering.

    Raises:
        UsageError: K beyond the samples, no samples, or a flag that is neither 0 nor 1.

    Source:
        Inference Scaling fLaws, Stroebl et al. 2024 (arXiv 2411.17501), section 4; they average 1,000 shuffles,
        the exact form is ours.

    Example:
        >>> print(tries([[1, 1, 0]], [[1, 0, 0]], [0, 1, 3]).reward_QK(wrong=2.0).round(4))
        [[ 0.     -0.3333 -0.5   ]]
    """
    found = counts(accepted_QS, correct_QS)
    if not ks or min(ks) < 0 or max(ks) > found.samples:
        raise UsageError(f"numbers of tries must lie between 0 and the {found.samples} samples, not {list(ks)}")
    none_QJ = _none_QJ(found.accepted_Q, found.samples, max(ks))
    draws_QJ = np.concatenate([np.zeros((len(none_QJ), 1)), none_QJ[:, :-1].cumsum(axis=1)], axis=1)
    share_Q = found.right_Q / np.maximum(found.accepted_Q, 1)
    some_QK = 1.0 - none_QJ[:, list(ks)]
    right_QK = share_Q[:, None] * some_QK
    return Tries(tuple(ks), right_QK, some_QK - right_QK, draws_QJ[:, list(ks)])


def _none_QJ(accepted_Q: NDArray[np.int64], samples: int, most: int) -> Floats:
    """C(n - A, j) / C(n, j) for j = 0 … most."""
    j = np.arange(most)
    factors = np.maximum(samples - accepted_Q[:, None] - j, 0.0) / (samples - j)
    return np.concatenate([np.ones((len(accepted_Q), 1)), factors.cumprod(axis=1)], axis=1)
