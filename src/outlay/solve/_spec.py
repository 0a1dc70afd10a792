"""What is solved and how, and the name of the run that it resumes."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay.experiments.pilot import MAX_OUTPUT_TOKENS, QUESTIONS
from outlay.models.provider import Card
from outlay.tasks import Task
from outlay.types import Question, Sampling

Progress = Callable[[int, int, int, float], None]
"""Is told (purchases, questions with an answer, of, dollars paid)."""


class SolveSpec(Struct, frozen=True):
    """What is solved and how; everything but the money and the pilot names the run that it resumes."""

    model: str
    roles: dict[str, str] = {}
    kind: str | None = None
    verifier: str | None = None
    """What decides which answer is accepted; None: the vote does."""
    max_usd: float = 0.0
    value_usd: float | None = None
    most: int = 32
    seed: int = 0
    temperature: float | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    others: tuple[str, ...] = ()
    """Further models, among which a pilot on labelled questions chooses."""
    pilot: int | None = None
    """The most labelled questions of the pilot; None: 30 where there are several models, else 0."""

    @property
    def models(self) -> tuple[str, ...]:
        """All models that may answer."""
        return (self.model, *self.others)

    @property
    def piloted(self) -> int:
        """The most questions of the pilot; 0: there is none."""
        return (QUESTIONS if self.others else 0) if self.pilot is None else self.pilot

    def run_id(self, task: Task, out: Path) -> str:
        """The ledger's run: the same for the same questions, models and place of the answers, whatever the money."""
        named = msgspec.to_builtins(msgspec.structs.replace(self, max_usd=0.0, value_usd=None))
        del named["pilot"]
        if not self.others:
            del named["others"]
        content = msgspec.json.encode(([item.question for item in task], named, str(out.absolute())))
        return f"solve_{blake2b(content, digest_size=10).hexdigest()}"

    def asked(self, task: Task, card: Card | None = None) -> list[Question]:
        """The questions as they are put to a model; with its card as a pilot puts them, log-probabilities included."""
        sampling = Sampling(temperature=self.temperature, max_output_tokens=self.max_output_tokens)
        if card is not None and "logprobs" in card.abilities:
            sampling = msgspec.structs.replace(sampling, top_logprobs=0)
        return [
            msgspec.structs.replace(item.question, sampling=sampling, kind=self.kind or item.question.kind)
            for item in task
        ]
