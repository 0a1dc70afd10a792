"""Recorded samples as the report reads them: which were right, what one attempt costs, what a checker said."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.sub_pools import cost_nusd
from outlay.models.recording import Checked, Recording
from outlay.money import NUSD


class Samples(Struct, frozen=True):
    """The samples of one model on one task: one row a question, one column a sample.

    `attempt_usd_Q` is what one sample alone costs, its prompt included; None: unknown. `accepted_QS` is what
    `verifier` said of each sample; None where nothing was checked, or not every sample that states an answer.
    `class_QS` numbers answer classes, -1 for what cannot vote. `checks` holds every check that was recorded.
    """

    task: str
    model: str
    ids: tuple[str, ...]
    correct_QS: NDArray[np.bool_]
    attempt_usd_Q: NDArray[np.float64] | None = None
    accepted_QS: NDArray[np.bool_] | None = None
    verifier: str = ""
    class_QS: NDArray[np.int64] | None = None
    checks: Checked | None = None


def of_recording(recording: Recording, *, verifier: str | None = None) -> Samples:
    """The samples of a recording, priced by its own price, with the verdicts of one of its verifiers.

    What cannot vote is accepted by nobody: no verifier is asked about it. Of several checks of a sample the first
    one stands in `accepted_QS`.

    Args:
        recording: equally many samples of each question.
        verifier: one of `recording.verifiers`; None for no verdicts.

    Returns:
        The samples.

    Raises:
        UsageError: the questions hold different numbers of samples, or the verifier checked none.

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
    checks = None if verifier is None else recording.checked(verifier)
    return Samples(
        recording.task,
        recording.model,
        tuple(q.id for q in recording.questions),
        arrays.correct_QS,
        usd,
        None if checks is None else _accepted(checks, arrays.class_QS),
        verifier or "",
        arrays.class_QS,
        checks,
    )


def by_verifier(recording: Recording) -> list[Samples]:
    """The samples of a recording once for each verifier that checked some, or once without verdicts.

    Raises:
        UsageError: the questions hold different numbers of samples.
    """
    return [of_recording(recording, verifier=v) for v in recording.verifiers] or [of_recording(recording)]


def _accepted(checks: Checked, class_QS: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    voters = class_QS >= 0
    first = checks.had_QSC[:, :, 0]
    return None if (voters & ~first).any() else checks.accepted_QSC[:, :, 0] & voters
