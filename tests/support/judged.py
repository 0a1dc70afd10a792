"""A run made by hand with a scripted judge, for tests of verifiers."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from raters import rater

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.models.scripted import scripted
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.trace import Replay, Trace
from outlay.types import Completion, Question, Sample, TokenLogprob, Usage

QUESTION = Question.of("What is 17 * 23?", kind="number")
PLAIN = frozenset({"chat", "n", "seed"})
"""The abilities of a judge without logprobs."""


def candidate(text: str, *, answer: str | None = None, index: int = 0) -> Sample:
    """A complete sample that said `text`."""
    answer = answer if answer is not None else text
    return Sample(index, Completion(text, "stop", Usage(9, 9), sample=index), answer, key=answer)


def spoken(
    *tokens: str, at: int | None = None, p: dict[str, float] | None = None, finish_reason: str = "stop"
) -> Completion:
    """A reply of these tokens with logprobs; the token at `at` has the rivals `p`, the others are certain."""
    listed = tuple(
        TokenLogprob(t, math.log(p.get(t, 0.01)), tuple((w, math.log(q)) for w, q in p.items()))
        if p is not None and i == at
        else TokenLogprob(t, 0.0, ((t, 0.0),))
        for i, t in enumerate(tokens)
    )
    return Completion("".join(tokens), finish_reason, Usage(9, len(tokens)), logprobs=listed)


def asked(request: Any) -> str:
    """The whole text of a request."""
    return "\n".join(str(m["content"]) for m in request.messages)


@asynccontextmanager
async def run_with(
    judge: Callable[..., Any] | None = None,
    *,
    abilities: frozenset[str] = PLAIN,
    limits: Limits | None = None,
    verifier: Any = None,
    trace: bytes | None = None,
) -> AsyncIterator[Any]:
    """A run whose judge is a script; `run.model` is that model. With a trace: its replay, every model off."""
    model = scripted(judge or (lambda request, index: "Score: 5"), abilities=abilities)
    card, rewards = await model.card(), rater()
    store = await Sqlite.open(":memory:")
    await store.open_run("run", "local", "test", "{}", 0)
    providers = {} if trace is not None else {"default": model, "judge": model, "process_rm": rewards}
    cards = {"default": card, "judge": card, "process_rm": await rewards.card()}
    session = Session(run_id="run", providers=providers, cards=cards, store=store)
    door = Door(session, replay=None if trace is None else Replay(Trace.decode(trace)))
    run = Run(door, Budget(limits), seed=1, question_id=QUESTION.id, verifier=verifier)
    run.model, run.door, run.store = model, door, store  # type: ignore[attr-defined]
    try:
        yield run
    finally:
        await session.workers.close()
        await store.close()
