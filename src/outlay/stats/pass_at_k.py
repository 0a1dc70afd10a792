"""The chance that k samples contain a right one, or are all right, from n samples with c right ones."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError


@overload
def pass_at_k(n: int, c: int, k: int) -> float: ...
@overload
def pass_at_k(n: ArrayLike, c: ArrayLike, k: int) -> float | NDArray[np.float64]: ...
def pass_at_k(n: ArrayLike, c: ArrayLike, k: int) -> float | NDArray[np.float64]:
    """1 - C(n - c, k) / C(n, k): the chance that at least one of k samples is right.

    Unbiased for 1 - (1 - p)^k when the n samples are independent draws with success rate p. With n - c < k it
    is 1. It is the success rate only under a checker that never errs.

    Args:
        n: samples drawn, from k; a number or an array.
        c: right samples among them, 0 … n; broadcasts against n.
        k: samples asked about, from 1.

    Returns:
        A float for numbers, otherwise an array of the broadcast shape, in [0, 1].

    Raises:
        UsageError: k is below 1 or above n, c is outside 0 … n, or one of them is not a whole number.

    Source:
        Chen et al. 2021 (arXiv 2107.03374), section 2.1; Brown et al. 2024 (arXiv 2407.21787), section 2.

    Example:
        >>> print(f"{pass_at_k(10, 3, 2):.6f}")
        0.533333
    """
    n, c = _checked(n, c, k)
    return _result(1.0 - _without_replacement(n - c, n, k))


@overload
def pass_hat_k(n: int, c: int, k: int) -> float: ...
@overload
def pass_hat_k(n: ArrayLike, c: ArrayLike, k: int) -> float | NDArray[np.float64]: ...
def pass_hat_k(n: ArrayLike, c: ArrayLike, k: int) -> float | NDArray[np.float64]:
    """C(c, k) / C(n, k): the chance that all of k samples are right (reliability).

    Unbiased for p^k under independent draws; 0 when c < k.

    Args:
        n: samples drawn, from k; a number or an array.
        c: right samples among them, 0 … n; broadcasts against n.
        k: samples asked about, from 1.

    Returns:
        A float for numbers, otherwise an array of the broadcast shape, in [0, 1].

    Raises:
        UsageError: k is below 1 or above n, c is outside 0 … n, or one of them is not a whole number.

    Source:
        Yao et al. 2024 (tau-bench, arXiv 2406.12045), section 3.

    Example:
        >>> print(f"{pass_hat_k(10, 3, 2):.6f}")
        0.066667
    """
    n, c = _checked(n, c, k)
    return _result(_without_replacement(c, n, k))


def _checked(n: ArrayLike, c: ArrayLike, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, c = np.broadcast_arrays(np.asarray(n, float), np.asarray(c, float))
    if k != np.floor(k) or k < 1 or (n < k).any():
        raise UsageError(f"k must be a whole number between 1 and the number of samples, not {k}")
    if not ((c >= 0) & (c <= n) & (n < np.inf)).all():
        raise UsageError("the right samples must number between 0 and n")
    if (c != np.floor(c)).any() or (n != np.floor(n)).any():
        raise UsageError("samples and right samples must be whole numbers")
    return n, c


def _without_replacement(of: NDArray[np.float64], n: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """C(of, k) / C(n, k) as a product, which cannot overflow or cancel; a zero factor makes it exactly 0."""
    share = np.ones_like(n)
    for j in range(k):
        share *= np.maximum(of - j, 0.0) / (n - j)
    return share


def _result(value: NDArray[np.float64]) -> float | NDArray[np.float64]:
    return float(value) if value.ndim == 0 else value
