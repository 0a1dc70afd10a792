"""What a pilot drew: the samples of one model on some questions, as arrays."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.errors import UsageError
from outlay.models.recording import Recording
from outlay.money import NUSD, Price

Floats = NDArray[np.float64]
FEWEST_QUESTIONS = 4
"""Below this many questions nothing is said about plans: intervals would span everything."""


class Checks(Struct, frozen=True):
    """A verifier's verdicts on every sample that can be chosen.

    `usd_QS` is what each verdict cost. `again_QS` is what a second check of the same sample said: 1 accepted, 0 not,
    -1 where there was none; None where no sample was checked twice.
    """

    verifier: str
    score_QS: Floats
    accepted_QS: NDArray[np.bool_]
    usd_QS: Floats
    again_QS: NDArray[np.int8] | None = None

    def rows(self, rows_Q: NDArray[np.int64]) -> Checks:
        """The same of some of the questions, in the order of `rows_Q`."""
        again = None if self.again_QS is None else self.again_QS[rows_Q]
        return Checks(
            self.verifier, self.score_QS[rows_Q], self.accepted_QS[rows_Q], self.usd_QS[rows_Q], again
        )


class Pilot(Struct, frozen=True):
    """The samples of one model: one row a question (all models' rows alike), one column a sample.

    `class_QS` numbers answer classes within a question, -1 for what cannot vote. `correct_QS` is None without
    labels; `mean_logp_QS`, `latency_s_QS`, `checks` and `price` are None where unknown. `width`: how many
    samples of one request share one reading of the prompt; 1: every sample reads it.
    """

    model: str
    ids: tuple[str, ...]
    class_QS: NDArray[np.int64]
    correct_QS: NDArray[np.bool_] | None
    input_tokens_Q: NDArray[np.int64]
    output_tokens_QS: NDArray[np.int64]
    price: Price | None
    mean_logp_QS: Floats | None = None
    latency_s_QS: Floats | None = None
    checks: Checks | None = None
    width: int = 4096

    @property
    def samples(self) -> int:
        """Samples a question."""
        return self.class_QS.shape[1]

    @property
    def usd_QS(self) -> Floats:
        """What each sample's output costs, in dollars; NaN without a price."""
        rate = float("nan") if self.price is None else self.price.output_nusd_per_mtok
        return np.asarray(self.output_tokens_QS, float) * (rate / 1e6 / NUSD)

    @property
    def prompt_usd_Q(self) -> Floats:
        """What reading the prompt once costs, in dollars; NaN without a price."""
        rate = float("nan") if self.price is None else self.price.input_nusd_per_mtok
        return np.asarray(self.input_tokens_Q, float) * (rate / 1e6 / NUSD)

    @property
    def bill_usd(self) -> float:
        """What drawing and checking all of it costs, in dollars."""
        prompts = -(-self.samples // self.width)
        checks = 0.0
        if self.checks is not None:
            again = 0 if self.checks.again_QS is None else self.checks.again_QS >= 0
            checks = float((self.checks.usd_QS * (1 + again)).sum())
        return float(self.prompt_usd_Q.sum() * prompts + self.usd_QS.sum() + checks)

    def rows(self, rows_Q: NDArray[np.int64]) -> Pilot:
        """The same pilot on some of its questions, in the order of `rows_Q`."""

        def cut(array: NDArray | None) -> NDArray | None:
            return None if array is None else array[rows_Q]

        checks = self.checks and self.checks.rows(rows_Q)
        return Pilot(
            self.model,
            tuple(self.ids[i] for i in rows_Q),
            self.class_QS[rows_Q],
            cut(self.correct_QS),
            self.input_tokens_Q[rows_Q],
            self.output_tokens_QS[rows_Q],
            self.price,
            cut(self.mean_logp_QS),
            cut(self.latency_s_QS),
            checks,
            self.width,
        )


def of_recording(model: str, recording: Recording) -> Pilot:
    """The pilot that a recording amounts to, under the name by which users write its model.

    Of its verifiers the first one counts that checked every sample which states an answer; a check that failed scores
    0 and accepts nothing, as a strategy takes it.

    Raises:
        UsageError: the questions hold different numbers of samples.
    """
    arrays = recording.arrays()
    labelled = any(q.reference for q in recording.questions) or bool(arrays.correct_QS.any())
    return Pilot(
        model=model,
        ids=tuple(q.id for q in recording.questions),
        class_QS=arrays.class_QS,
        correct_QS=arrays.correct_QS if labelled else None,
        input_tokens_Q=arrays.input_tokens_Q,
        output_tokens_QS=arrays.output_tokens_QS,
        price=recording.price,
        mean_logp_QS=None if np.isnan(arrays.mean_logp_QS).any() else arrays.mean_logp_QS,
        checks=_checks_of(recording, arrays.class_QS >= 0),
    )


def _checks_of(recording: Recording, voters_QS: NDArray[np.bool_]) -> Checks | None:
    for verifier in recording.verifiers:
        said = recording.checked(verifier)
        had_QS, usd_QS = said.had_QSC[:, :, 0], said.usd_QSC[:, :, 0]
        if not (voters_QS & ~had_QS).any():
            score_QS, accepted_QS = np.nan_to_num(said.score_QSC[:, :, 0]), said.accepted_QSC[:, :, 0]
            again_QS = None
            if said.had_QSC.shape[2] > 1:
                again_QS = np.where(said.had_QSC[:, :, 1], said.accepted_QSC[:, :, 1], -1).astype(np.int8)
            return Checks(verifier, score_QS, accepted_QS, np.where(had_QS, usd_QS, 0.0), again_QS)
    return None


def checked(pilots: tuple[Pilot, ...]) -> tuple[Pilot, ...]:
    """The pilots, if they can be planned from: the same questions in the same order, whole and finite.

    Raises:
        UsageError: says what is missing.
    """
    if not pilots or len({p.ids for p in pilots}) != 1:
        raise UsageError("Plans need pilots of the same questions, one pilot a model at least.")
    questions = len(pilots[0].ids)
    if questions < FEWEST_QUESTIONS:
        raise UsageError(
            f"{questions} questions are too few to plan from; ask at least {FEWEST_QUESTIONS}, better 30."
        )
    for p in pilots:
        extra = [a for a in (p.mean_logp_QS, p.latency_s_QS) if a is not None]
        known = [p.output_tokens_QS, p.input_tokens_Q, *extra]
        if not all(np.isfinite(a).all() for a in known) or any(len(a) != questions for a in known):
            raise UsageError(
                f"The pilot of {p.model} is not whole: a row is missing, or a number is not finite."
            )
        if p.checks is not None and not np.isfinite(p.checks.score_QS[p.class_QS >= 0]).all():
            raise UsageError(
                f"Some answers of {p.model} have no verdict of {p.checks.verifier}, so plans with that check "
                "cannot be compared; run the pilot again."
            )
    return pilots
