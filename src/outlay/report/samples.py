"""Recorded samples as the report reads them: which were right, what one attempt costs, what a checker said."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.sub_pools import cost_nusd
from outlay.models.recording import Recording
from outlay.money import NUSD


class Samples(Struct, frozen=True):
    """The samples of one model on one task: one row a question, one column a sample.

    `attempt_usd_Q` is what one sample alone costs, its prompt included; None: unknown. `accepted_QS` is what
    `verifier` said of each sample; None where nothing was checked.
    """

    task: str
    model: str
    ids: tuple[str, ...]
    correct_QS: NDArray[np.bool_]
    attempt_usd_Q: NDArray[np.float64] | None = None
    accepted_QS: NDArray[np.bool_] | None = None
    verifier: str = ""


def of_recording(recording: Recording) -> Samples:
    """The samples of a recording, priced by its own price; a recording holds no verdicts.

    Args:
        recording: equally many samples of each question.

    Returns:
        The samples.

    Raises:
        UsageError: the questions hold different numbers of samples.

    Example:
        >>> from outlay.models.recording_file import read
        >>> print(f"{of_recording(read('pool-q05-sums')).correct_QS.mean():.3f}")
        0.298
    """
    arrays = recording.arrays()
    usd = None
    if recording.price is not None:
        usd = (
            cost_nusd(recording.price, arrays.input_tokens_Q, arrays.output_tokens_QS, [1])[:, 0].astype(float)
            / NUSD
        )
    ids = tuple(q.id for q in recording.questions)
    return Samples(recording.task, recording.model, ids, arrays.correct_QS, usd)
