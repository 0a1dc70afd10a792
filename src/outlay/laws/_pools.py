"""Counts of right samples as a table of coverage by number of samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.stats.pass_at_k import pass_at_k

MIXED_AT_LEAST = 20
"""Questions with right and wrong samples from which a curve may be prolonged."""
FAR = 10
"""Times the samples measured from which a prolonged curve carries a warning."""


def counts(right_Q: ArrayLike, samples_Q: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Right samples and samples as whole numbers, one a question."""
    right = np.asarray(right_Q, float)
    if right.ndim != 1 or len(right) < 2:
        raise CannotSay("a curve over questions needs at least two questions: one says nothing about others")
    samples = np.broadcast_to(np.asarray(samples_Q, float), right.shape)
    if not (
        np.isfinite(right).all() and (right == np.floor(right)).all() and (samples == np.floor(samples)).all()
    ):
        raise UsageError("right samples and samples must be whole numbers, without NaN")
    if not ((samples >= 1) & (right >= 0) & (right <= samples)).all():
        raise UsageError("right samples must be between 0 and the samples, of which there is at least 1")
    return right.astype(np.int64), samples.astype(np.int64)


def coverage_table(right_Q: NDArray, samples_Q: NDArray, x_G: NDArray) -> NDArray[np.float64]:
    """Unbiased coverage of each question at each number of samples."""
    return np.stack([np.asarray(pass_at_k(samples_Q, right_Q, int(k))) for k in x_G], axis=1)


def mixed(right_Q: NDArray, samples_Q: NDArray) -> int:
    """Questions with a right and a wrong sample: the only ones that tell how success rates differ."""
    return int(((right_Q > 0) & (right_Q < samples_Q)).sum())


def warning(k: float, samples: int, *, mixed: int, wrong: bool) -> str:
    """One sentence on a coverage at k samples that was prolonged from `samples`, or nothing."""
    said = []
    if k > FAR * samples:
        said.append(f"{k:.4g} samples are {k / samples:.3g} times what was measured ({samples}): a guess")
    if k > samples and mixed < MIXED_AT_LEAST:
        said.append(f"only {mixed} questions have both right and wrong samples, {MIXED_AT_LEAST} are needed")
    if k > samples and wrong:
        said.append("the form does not fit the data that it was fitted on")
    return "; ".join(said)
