"""Pools of recorded samples on disk: one model's samples on one task, with their price, judged once.

The layout is outlay's own, versioned, one JSON object a file. The older layout (a bare list of questions with
`q`, `gold` and `outs`) is read too. Whatever is malformed is refused with the file and the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from outlay.errors import UsageError
from outlay.money import Price
from outlay.types import Completion, Message, Pool, Sample, Sampling, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT, VERSION = "outlay.recording", 1
Whole = Annotated[int, Meta(ge=0)]


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

    def arrays(self) -> Arrays:
        """The samples as arrays.

        Raises:
            UsageError: the questions hold different numbers of samples.
        """
        import numpy as np

        if len({len(q.samples) for q in self.questions}) > 1:
            raise UsageError(
                f"The recording of {self.model} on {self.task} holds different numbers of samples a question; "
                "record the missing ones with the same command."
            )
        rows = [q.samples for q in self.questions]
        return Arrays(
            class_QS=np.array([_numbered([s.votes_for for s in row]) for row in rows]),
            correct_QS=np.array([[s.correct for s in row] for row in rows]),
            mean_logp_QS=np.array(
                [[np.nan if s.mean_logp is None else s.mean_logp for s in row] for row in rows]
            ),
            output_tokens_QS=np.array([[s.output_tokens for s in row] for row in rows]),
            input_tokens_Q=np.array([q.input_tokens for q in self.questions]),
        )


def _numbered(keys: list[str | None]) -> list[int]:
    seen: dict[str, int] = {}
    return [-1 if key is None else seen.setdefault(key, len(seen)) for key in keys]
