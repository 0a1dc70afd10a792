"""Exact expectations of drawing one after another until the verifier accepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.economics.sub_pools._tally import budgets, tally
from outlay.economics.sub_pools._ways import none_of

Floats = NDArray[np.float64]


def first_accepted(
    class_QS: ArrayLike, correct_QS: ArrayLike, accepted_QS: ArrayLike, ks: Sequence[int]
) -> Floats:
    """The chance that the first accepted voter of at most k random draws is right; none accepted is wrong.

    (1 - C(n - a, k) / C(n, k)) times the share of right ones among the a accepted voters.

    Args:
        class_QS: answer class of each sample, -1 for what cannot be chosen.
        correct_QS: whether each sample is right.
        accepted_QS: whether the verifier accepts each sample.
        ks: the most draws, each 1 … n.

    Returns:
        Shape (questions, budgets), in [0, 1].

    Raises:
        UsageError: a budget is out of range.

    Source:
        Expectation of `selection.first_accepted` over sub-pools in random order, by exchangeability.

    Example:
        >>> print(first_accepted([[0, 1, 1]], [[1, 0, 0]], [[1, 1, 0]], [1, 2, 3]).round(4))
        [[0.3333 0.5    0.5   ]]
    """
    votes = tally(class_QS, correct_QS)
    accepted = np.asarray(accepted_QS, bool) & (votes.class_QS >= 0)
    n_accepted_Q = accepted.sum(axis=1)
    right_Q = (votes.value_QS * accepted).sum(axis=1) / np.maximum(n_accepted_Q, 1)
    samples = accepted.shape[1]
    return right_Q[:, None] * (1.0 - none_of(n_accepted_Q, samples, budgets(ks, samples)))


def first_accepted_draws(accepted_QS: ArrayLike, ks: Sequence[int]) -> Floats:
    """The expected draws until the first accepted sample, at most k: the sum over j < k of P(none in j).

    Args:
        accepted_QS: whether each sample is accepted and can be chosen.
        ks: the most draws, each 1 … n.

    Returns:
        Shape (questions, budgets), in [1, k].

    Raises:
        UsageError: a budget is out of range.

    Example:
        >>> print(first_accepted_draws([[1, 0, 0]], [1, 2, 3]).round(4))
        [[1.     1.6667 2.    ]]
    """
    accepted = np.asarray(accepted_QS, bool)
    samples = accepted.shape[1]
    none_QJ = none_of(accepted.sum(axis=1), samples, range(max(budgets(ks, samples))))
    return none_QJ.cumsum(axis=1)[:, np.asarray(ks) - 1]


def first_accepted_tokens(accepted_QS: ArrayLike, output_tokens_QS: ArrayLike, ks: Sequence[int]) -> Floats:
    """The expected output tokens of the draws until the first accepted sample, at most k.

    Exact by exchangeability: rejected draws cost the mean rejected sample, the accepted one the mean accepted
    sample.

    Args:
        accepted_QS: whether each sample is accepted and can be chosen.
        output_tokens_QS: output tokens of each sample.
        ks: the most draws, each 1 … n.

    Returns:
        Shape (questions, budgets), in tokens.

    Raises:
        UsageError: a budget is out of range.

    Example:
        >>> print(first_accepted_tokens([[1, 0, 0]], [[10, 40, 40]], [1, 3]).round(4))
        [[30. 50.]]
    """
    accepted, tokens = np.asarray(accepted_QS, bool), np.asarray(output_tokens_QS, float)
    draws_QK = first_accepted_draws(accepted, ks)
    found_QK = 1.0 - none_of(accepted.sum(axis=1), accepted.shape[1], ks)
    return found_QK * _mean_of(tokens, accepted) + (draws_QK - found_QK) * _mean_of(tokens, ~accepted)


def _mean_of(value_QS: Floats, where_QS: NDArray[np.bool_]) -> Floats:
    return ((value_QS * where_QS).sum(axis=1) / np.maximum(where_QS.sum(axis=1), 1))[:, None]
