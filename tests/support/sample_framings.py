"""Framings for tests of the mechanism: one that only places text, and one that buys what it places."""

from __future__ import annotations

from outlay.framings._placing import before_question, in_system, most_tokens
from outlay.run import Run
from outlay.types import Bound, Draws, Question, Sampling

HINT_TOKENS = 8


def adds(question: Question, **_: object) -> int:
    """What either of them places at most."""
    return most_tokens(400)


def bound(question: Question, **_: object) -> Bound:
    """One call of the default model, of the one that buys."""
    return Bound({"default": Draws(1, 600, HINT_TOKENS)})


async def reminder(run: Run, question: Question, *, text: str = "Check your sums.") -> Question:
    """The question after a reminder."""
    return in_system(question, text)


async def bought_hint(run: Run, question: Question) -> Question:
    """The question after a hint that the model was asked for."""
    asked = ({"role": "user", "content": "Give a hint."},)
    sampling = Sampling(max_output_tokens=HINT_TOKENS)
    (said,) = await run.complete(asked, role="default", label="hint", sampling=sampling)
    return before_question(question, said.text)
