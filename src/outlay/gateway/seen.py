"""What this server has seen each model do, for quotes: tokens and seconds of the samples it bought."""

from __future__ import annotations

from msgspec import Struct

from outlay.types import Answer

MODELS = 1024
"""The most models remembered, so that memory stays bounded."""


class Averages(Struct):
    """Running sums over the calls of one model."""

    calls: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def output_tokens_a_call(self) -> float | None:
        """Mean output tokens of a call; None before the first."""
        return self.output_tokens / self.calls if self.calls else None


class Seen:
    """Averages by model, from the answers of this process."""

    def __init__(self) -> None:
        self._by_model: dict[str, Averages] = {}

    def add(self, model: str, answer: Answer) -> None:
        """Count an answer that was bought from one model."""
        if model not in self._by_model and len(self._by_model) >= MODELS:
            return
        seen = self._by_model.setdefault(model, Averages())
        seen.calls += answer.calls
        seen.output_tokens += answer.usage.output_tokens
        seen.seconds += answer.latency_s * answer.calls

    def of(self, model: str) -> Averages:
        """What was seen of a model; nothing yet is zero calls."""
        return self._by_model.get(model, Averages())
