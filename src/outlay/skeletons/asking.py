"""Calls that lead up to one answer: what fails of them is left out, and the answer is asked for all the same."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from outlay.errors import BudgetExceeded, NoAnswer, OutlayError, ProviderError
from outlay.run import Run
from outlay.types import Completion, Message, Question, Sampling, Usage


async def bought(
    run: Run, messages: Sequence[Message], label: str, sampling: Sampling, *, role: str = "default"
) -> Completion | None:
    """A completion, or None, with a note, where it failed or was refused.

    Raises:
        ProviderError: no call can succeed (a refused key, a dead server).
    """
    said = await _attempted(run, messages, label, sampling, role)
    if isinstance(said, Completion):
        return said
    run.notes.append(f"{label} is left out: {said}")
    if isinstance(said, BudgetExceeded):
        run.refused = run.refused or str(said)
    return None


async def concluded(run: Run, question: Question, asked: Question, *, most: int | None = None) -> Completion:
    """The answer to `asked`, the question with what was found for it; to the question alone, where that is refused.

    Args:
        run: what buys it.
        question: as it stands.
        asked: the same with more around it; may be the question itself.
        most: output tokens, beside the question's own bound.

    Returns:
        A completion; one without text, marked as cut, where nothing came but something was bought before.

    Raises:
        BudgetExceeded: refused, and nothing was bought before.
        NoAnswer: it failed, and nothing was bought before.
    """
    sampling = question.sampling
    if most is not None:
        own = sampling.max_output_tokens
        sampling = msgspec.structs.replace(sampling, max_output_tokens=min(own or most, most))
    said = await _attempted(run, asked.messages, "answer", sampling, "default")
    if isinstance(said, BudgetExceeded) and asked is not question:
        run.notes.append(f"the question was asked as it stands: {said}")
        run.refused = run.refused or str(said)
        said = await _attempted(run, question.messages, "answer", question.sampling, "default")
    if isinstance(said, Completion):
        return said
    if isinstance(said, BudgetExceeded):
        run.refused = run.refused or str(said)
    if run.spent.calls:
        run.notes.append(f"the answer could not be bought: {said}")
        return Completion("", "length", Usage(0, 0))
    if isinstance(said, BudgetExceeded):
        raise said
    raise NoAnswer(f"No answer came back: {run.failure or said}.")


async def _attempted(
    run: Run, messages: Sequence[Message], label: str, sampling: Sampling, role: str
) -> Completion | OutlayError:
    (said,) = await run.attempts(messages, role=role, label=label, sampling=sampling)
    if isinstance(said, ProviderError):
        run.failure = run.failure or said
    return said
