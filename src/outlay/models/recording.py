"""Pools of recorded samples on disk: one model's samples on one task, with their price, judged once.

The layout is outlay's own, versioned, one JSON object a file. The older layout (a bare list of questions with
`q`, `gold` and `outs`) is read too. Whatever is malformed is refused with the file and the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from outlay.errors import UsageError
from outlay.money import NUSD, Price
from outlay.types import Completion, Message, Pool, Sample, Sampling, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT, VERSION = "outlay.recording", 2
"""The layout; version 2 adds verdicts, and version 1 is read as a recording without any."""
Whole = Annotated[int, Meta(ge=0)]


class RecordedVerdict(Struct, frozen=True, omit_defaults=True):
    """What one check of a sample said, and what it cost. `score` None: the check failed, and was paid all the same."""

    verifier: str
    """As users name it, with its parameters."""
    score: Annotated[float, Meta(ge=0.0, le=1.0)] | None
    accepted: bool
    cost_nusd: Whole | None
    """None: its price is unknown."""


class RecordedSample(Struct, frozen=True, omit_defaults=True):
    """One sample as it came back, with the flag that the task's own scorer gave it."""

    text: str
    output_tokens: Whole
    finish_reason: str
    correct: bool
    answer: str | None = None
    """The extracted answer; None where there is none."""
    key: str | None = None
    """The canonical form of the answer, where it differs from it."""
    mean_logp: float | None = None
    """Mean natural log-probability of the output tokens."""
    verdicts: tuple[RecordedVerdict, ...] = ()
    """Checks of this sample in the order in which they were bought; several of one verifier are repeats."""

    @property
    def votes_for(self) -> str | None:
        """The class it votes for; None for answerless and truncated samples."""
        if self.finish_reason == "length" or not self.answer:
            return None
        return self.key or self.answer


class RecordedQuestion(Struct, frozen=True, omit_defaults=True):
    """One question with its samples. `reference` is for scoring only: no provider serves it."""

    id: str
    messages: tuple[Message, ...]
    kind: str | None
    reference: str
    input_tokens: Whole
    samples: Annotated[tuple[RecordedSample, ...], Meta(min_length=1)]

    def pool(self) -> Pool:
        """The samples in file order as a pool for selections, without verdicts."""
        return Pool(self.id, self.kind, tuple(self._sample(i, s) for i, s in enumerate(self.samples)))

    def _sample(self, index: int, s: RecordedSample) -> Sample:
        usage = Usage(self.input_tokens, s.output_tokens)
        completion = Completion(s.text, s.finish_reason, usage, sample=index)
        return Sample(index, completion, s.answer, s.votes_for)


class Arrays(Struct, frozen=True):
    """A recording as arrays for `outlay.economics.sub_pools`, rows in file order.

    `class_QS`: answer class, numbered within the question, -1 for what cannot vote. `mean_logp_QS`: NaN if
    unknown.
    """

    class_QS: NDArray[np.int64]
    correct_QS: NDArray[np.bool_]
    mean_logp_QS: NDArray[np.float64]
    output_tokens_QS: NDArray[np.int64]
    input_tokens_Q: NDArray[np.int64]


class Checked(Struct, frozen=True):
    """What one verifier said of the samples of a recording, rows in file order.

    Axis C: the first, second, … check of a sample. `score_QSC` is NaN where there was no such check or it failed;
    `usd_QSC` NaN where there was none or its price is unknown.
    """

    verifier: str
    had_QSC: NDArray[np.bool_]
    """Whether the sample had such a check, failed ones included."""
    score_QSC: NDArray[np.float64]
    accepted_QSC: NDArray[np.bool_]
    usd_QSC: NDArray[np.float64]


class Recording(Struct, frozen=True, omit_defaults=True):
    """The samples of one model on one task, with how they were drawn and what the model charges."""

    format: Literal["outlay.recording"]
    version: Annotated[int, Meta(ge=1)]
    model: str
    task: str
    price: Price | None
    """None: unknown, which is not free."""
    sampling: Sampling
    questions: Annotated[tuple[RecordedQuestion, ...], Meta(min_length=1)]
    note: str = ""

    @property
    def verifiers(self) -> tuple[str, ...]:
        """Who checked samples, in the order of first appearance."""
        return tuple(dict.fromkeys(v.verifier for q in self.questions for s in q.samples for v in s.verdicts))

    def checked(self, verifier: str) -> Checked:
        """What a verifier said, as arrays.

        Raises:
            UsageError: the questions hold different numbers of samples, or the verifier checked none.
        """
        import numpy as np

        rows = [[[v for v in s.verdicts if v.verifier == verifier] for s in row] for row in self._rows()]
        most = max(len(verdicts) for row in rows for verdicts in row)
        if most == 0:
            raise UsageError(f"The recording of {self.model} on {self.task} holds no verdict of {verifier}.")
        shape = (len(rows), len(rows[0]), most)
        found = Checked(
            verifier,
            np.zeros(shape, bool),
            np.full(shape, np.nan),
            np.zeros(shape, bool),
            np.full(shape, np.nan),
        )
        for q, row in enumerate(rows):
            for s, verdicts in enumerate(row):
                for c, v in enumerate(verdicts):
                    found.had_QSC[q, s, c], found.accepted_QSC[q, s, c] = True, v.accepted
                    found.score_QSC[q, s, c] = np.nan if v.score is None else v.score
                    found.usd_QSC[q, s, c] = np.nan if v.cost_nusd is None else v.cost_nusd / NUSD
        return found

    def arrays(self) -> Arrays:
        """The samples as arrays.

        Raises:
            UsageError: the questions hold different numbers of samples.
        """
        import numpy as np

        rows = self._rows()
        return Arrays(
            class_QS=np.array([_numbered([s.votes_for for s in row]) for row in rows]),
            correct_QS=np.array([[s.correct for s in row] for row in rows]),
            mean_logp_QS=np.array(
                [[np.nan if s.mean_logp is None else s.mean_logp for s in row] for row in rows]
            ),
            output_tokens_QS=np.array([[s.output_tokens for s in row] for row in rows]),
            input_tokens_Q=np.array([q.input_tokens for q in self.questions]),
        )

    def _rows(self) -> list[tuple[RecordedSample, ...]]:
        if len({len(q.samples) for q in self.questions}) > 1:
            raise UsageError(
                f"The recording of {self.model} on {self.task} holds different numbers of samples a question; "
                "record the missing ones with the same command."
            )
        return [q.samples for q in self.questions]


def _numbered(keys: list[str | None]) -> list[int]:
    seen: dict[str, int] = {}
    return [-1 if key is None else seen.setdefault(key, len(seen)) for key in keys]
