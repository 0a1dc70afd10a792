"""Recorded pools under several selections at several sample budgets: exact expectations, nothing is bought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outlay.economics import sub_pools
from outlay.economics.sub_pools._ways import none_of
from outlay.models.recording import Arrays, Recording
from outlay.report.outcome import PoolCell
from outlay.report.resampling import DRAWS, outward
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means
from outlay.stats.wilson import wilson

SELECTIONS = ("vote", "likelihood", "oracle")
"""Majority vote; the likeliest sample by mean token log-probability; and the oracle, which sees the key: pass@k."""


def pool_cells(recording: Recording, *, ks: Sequence[int] | None = None, seed: int = 0) -> list[PoolCell]:
    """One cell per selection and budget k, each an expectation over all sub-pools of k of every question.

    Args:
        recording: equally many samples of each question.
        ks: budgets; None takes powers of two up to the number of samples.
        seed: of the bootstrap over questions that gives the intervals.

    Returns:
        Cells by selection, then by budget. `oracle` ones are coverage: what a perfect verifier could reach.

    Raises:
        UsageError: the questions hold different numbers of samples.
    """
    arrays = recording.arrays()
    samples = arrays.class_QS.shape[1]
    ks = [k for k in (ks or [2**i for i in range(samples.bit_length())]) if k <= samples]
    cost_QK = None
    if recording.price is not None:
        cost_QK = sub_pools.cost_nusd(recording.price, arrays.input_tokens_Q, arrays.output_tokens_QS, ks)
    cells = []
    for selection in SELECTIONS:
        found = _accuracy(selection, arrays, ks, seed)
        if found is None:
            continue
        accuracy_QK, error_K = found
        answered_QK = 1.0 - none_of((arrays.class_QS >= 0).sum(axis=1), samples, ks)
        wrong_K = (answered_QK - accuracy_QK).clip(min=0.0).mean(axis=0)
        means_DK = resampled_means(accuracy_QK, draws=DRAWS, seed=seed)
        for j, k in enumerate(ks):
            cells.append(
                PoolCell(
                    task=recording.task,
                    model=recording.model,
                    strategy=selection,
                    k=k,
                    questions=len(accuracy_QK),
                    accuracy=float(accuracy_QK[:, j].mean()),
                    interval=_interval(means_DK[:, j], accuracy_QK[:, j]),
                    cost_nusd=None if cost_QK is None else float(cost_QK[:, j].mean()),
                    input_tokens=float(arrays.input_tokens_Q.mean()),
                    output_tokens=float(k * arrays.output_tokens_QS.mean()),
                    oracle=selection == "oracle",
                    standard_error=error_K[j] or None,
                    accuracy_Q=tuple(map(float, accuracy_QK[:, j])),
                    wrong=float(wrong_K[j]),
                )
            )
    return cells


def _interval(means_D: NDArray[np.float64], accuracy_Q: NDArray[np.float64]) -> Interval:
    """Over questions; where all are alike, so is every draw, and the interval is Wilson's."""
    if accuracy_Q.min() == accuracy_Q.max():
        return wilson(float(accuracy_Q.sum()), len(accuracy_Q))
    low, high = outward(means_D)
    return Interval(low, 1.0 if high is None else high)


def _accuracy(
    selection: str, arrays: Arrays, ks: Sequence[int], seed: int
) -> tuple[NDArray[np.float64], list[float]] | None:
    """The chance of each question, and the Monte Carlo error of its mean, 0 where it is exact."""
    if selection == "vote":
        found = sub_pools.vote_curve(arrays.class_QS, arrays.correct_QS, ks, seed=seed)
        return found.value_QK, found.mean_error_K.tolist()
    exact = [0.0] * len(ks)
    if selection == "oracle":
        return sub_pools.pass_at_k(arrays.correct_QS, ks), exact
    if np.isnan(arrays.mean_logp_QS).any():
        return None
    return sub_pools.best_of(arrays.class_QS, arrays.correct_QS, arrays.mean_logp_QS, ks), exact
