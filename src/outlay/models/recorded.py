"""A recorded model: it serves the samples of a recording, so strategies run again without a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import blake2b
from pathlib import Path
from random import Random

import msgspec

from outlay.errors import BadRequest
from outlay.models.provider import Card
from outlay.models.recording import RecordedQuestion, RecordedSample, Recording
from outlay.models.recording_file import read
from outlay.types import Delta, Request, Usage


class recorded:  # a provider's class is named as users write it
    """A `Provider` over a recording.

    Each question's samples are served in a random order of its own, drawn from `seed` and the question's id:
    sample index i is the same sample in every run with that seed, and positions are exchangeable even where the
    recording's are not. The request's own seed and sampling settings change nothing: the samples were drawn
    once, with the recorded settings. A sample longer than the request allows is cut there and ends with
    `length`, as it would have.

    Args:
        recording: a recording, a path, or the name of a shipped one.
        seed: seed of the orders.

    Raises:
        UsageError: the file is missing or malformed.
    """

    def __init__(self, recording: Recording | str | Path, *, seed: int = 0):
        self._recording = recording if isinstance(recording, Recording) else read(recording)
        self._seed = seed
        self._by_id = {q.id: q for q in self._recording.questions}
        self._texts = {q.id: _last_user_text(q.messages) for q in self._recording.questions}
        self._card = _card(self._recording, seed)

    async def card(self) -> Card:
        """The card: the recorded model's price, and as many choices a request as every question has samples."""
        return self._card

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The samples of the request's indices, each with its own usage, then the usage of the whole request.

        Raises:
            BadRequest: the recording does not hold the question, or not that many samples of it. Never
                retryable.
        """
        question = self._question(request)
        if question is None:
            raise BadRequest(
                f"The recording of {self._card.name} does not hold the question {_shown(request)}; "
                "ask one of its own questions or choose another model."
            )
        if request.prefix:
            raise BadRequest("A recorded model cannot continue a given text; choose another model.")
        indices = request.sample_indices or tuple(range(request.n))
        samples = [self._sample(question, index) for index in indices]
        output_tokens = 0
        for choice, sample in enumerate(samples):
            cut = min(sample.output_tokens, request.max_output_tokens)
            output_tokens += cut
            for delta in _deltas(choice, sample, cut, question.input_tokens):
                yield delta
        yield Delta(choice=None, usage=Usage(question.input_tokens, output_tokens))

    async def count_input(self, request: Request) -> int | None:
        """The recorded prompt tokens of the request's question, None where the recording does not hold it."""
        question = self._question(request)
        return None if question is None else question.input_tokens

    async def count_text(self, text: str) -> int | None:
        """None: a recording has no tokenizer."""
        return None

    async def close(self) -> None:
        """Nothing to release."""

    def _question(self, request: Request) -> RecordedQuestion | None:
        """By id, else the longest recorded question that the last user message begins with.

        An instruction may follow it. What only quotes a question (a judge's request) is none of the recorded.
        """
        if request.question_id in self._by_id:
            return self._by_id[request.question_id]
        asked = _last_user_text(request.messages)
        held = [id for id, text in self._texts.items() if text and asked.startswith(text)]
        return self._by_id[max(held, key=lambda id: len(self._texts[id]))] if held else None

    def _sample(self, question: RecordedQuestion, index: int) -> RecordedSample:
        n = len(question.samples)
        if index >= n:
            raise BadRequest(
                f"The recording holds only {n} samples of question {question.id}; draw at most {n}."
            )
        return question.samples[order(self._seed, question.id, n)[index]]


def order(seed: int, question_id: str, n: int) -> list[int]:
    """The positions of a question's n samples in the order in which they are served.

    Example:
        >>> sorted(order(1, "q", 5))
        [0, 1, 2, 3, 4]
    """
    digest = blake2b(f"{seed}\n{question_id}".encode(), digest_size=16).digest()
    positions = list(range(n))
    Random(int.from_bytes(digest, "big")).shuffle(positions)
    return positions


def _card(recording: Recording, seed: int) -> Card:
    content = blake2b(msgspec.json.encode(recording), digest_size=12).hexdigest()
    fewest = min(len(q.samples) for q in recording.questions)
    longest = max(s.output_tokens for q in recording.questions for s in q.samples)
    return Card(
        name=f"recorded/{recording.model} on {recording.task}",
        identity=f"recorded/{content}/{seed}",
        abilities=frozenset({"chat", "n", "seed"}),
        price=recording.price,
        max_output_tokens=max(recording.sampling.max_output_tokens or 0, longest, 1),
        max_n=fewest,
        shares_prompt=True,
        note=recording.note,
    )


def _deltas(choice: int, sample: RecordedSample, cut: int, input_tokens: int) -> tuple[Delta, ...]:
    whole = cut == sample.output_tokens
    text = sample.text if whole else sample.text[: len(sample.text) * cut // sample.output_tokens]
    reason = sample.finish_reason if whole else "length"
    return (Delta(choice, text), Delta(choice, finish_reason=reason, usage=Usage(input_tokens, cut)))


def _last_user_text(messages: tuple[dict, ...]) -> str:
    """The text of the last user message; of content parts, the texts among them."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return "\n".join(str(p.get("text", "")) for p in content if isinstance(p, dict)).strip()
            return str(content or "").strip()
    return ""


def _shown(request: Request) -> str:
    text = request.question_id or _last_user_text(request.messages)
    return repr(text if len(text) <= 60 else text[:57] + "…")
