"""An oracle that knows the right answer: for oracle blocks of `outlay bench`, never under test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import msgspec
from msgspec import Meta

from outlay import plugins
from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.errors import UsageError
from outlay.prompts._data import LARGEST
from outlay.run import Run, Verifier
from outlay.skeletons.steps import digest, states_answer
from outlay.types import Bound, Completion, Draws, Question, Sample, Usage, Verdict

NEEDS: frozenset[str] = frozenset()
Rollouts = Annotated[int, Meta(ge=1, le=64)]
"""How often a chain that is not finished is written to its end."""
Score = Callable[[Sample], float | Awaitable[float]]
"""How right a sample is, in [0, 1], at once or awaited: a task's own scorer, which holds the reference."""


def bound(question: Question, *, rollouts: Rollouts = 4) -> Bound:
    """Nothing for an answer; for a chain that is not finished, `rollouts` completions of it by the default model."""
    asked = text_bound(question.messages, question.sampling) + LARGEST
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    return Bound({"default": Draws(rollouts, rollouts * asked, rollouts * most)})


async def reference(run: Run, question: Question, candidate: Sample, *, rollouts: Rollouts = 4) -> Verdict:
    """Never a verdict: a question does not carry its reference, so that no strategy can see the key.

    In a bench's oracle block a whole answer is scored by the task itself, and a chain that is not finished by the share
    of `rollouts` ways to finish it that end right.

    Raises:
        UsageError: always.

    Cost: nothing for an answer; `rollouts` completions by the default model for each prefix of a search.
    Source: the value of a prefix by rollouts is the usual label of process supervision. Arbitrage's oracle
        (arXiv 2512.05033) takes a process reward model's scores for the truth instead; name that as the verifier.
    Example: `outlay bench chain_sum --strategy arbitrage:estimator=oracle --verifier reference --model A small=B`
    """
    _refuse()


async def prefix(run: Run, question: Question, steps: tuple[str, ...], *, rollouts: Rollouts = 4) -> float:
    """Never a score, for the same reason.

    Raises:
        UsageError: always.
    """
    _refuse()


def _refuse() -> NoReturn:
    raise UsageError(
        "reference is an oracle that knows the right answers; only `outlay bench` of a task with "
        "references has it, in a block of its own. Choose judge, generative, command or code_tests."
    )


def against(score: Score, *, threshold: float = 1.0, rollouts: int = 4) -> Verifier:
    """The oracle of an experiment's oracle block: a task's own scorer, for answers and for chains on their way.

    Its attribute `prefix` gives the share of rollouts from a chain so far that end right: an unbiased estimate of the
    chance that the default model gets there from it, with a standard error of at most 1 / (2 sqrt(rollouts)). A chain
    that states its answer is judged as it stands, at no cost. A rollout that is cut counts as wrong; one that fails is
    left out.

    Args:
        score: of a sample.
        threshold: the score from which a candidate counts as right.
        rollouts: completions of each prefix.

    Cost: nothing for an answer, `rollouts` completions of the default model for a prefix.
    """
    return _Oracle(score, threshold, rollouts)


class _Oracle:
    def __init__(self, score: Score, threshold: float, rollouts: int):
        self._score, self._threshold, self._rollouts = score, threshold, rollouts

    async def __call__(self, run: Run, question: Question, candidate: Sample) -> Verdict:
        (value,) = await self._scores(run, f"oracle/{candidate.index}", [candidate])
        return Verdict(value, value >= self._threshold, "oracle")

    async def prefix(self, run: Run, question: Question, steps: tuple[str, ...]) -> float:
        text = "".join(steps)
        key = f"oracle/{digest(text)}"
        if states_answer(text):
            return (await self._scores(run, key, [_read(question, text)]))[0]
        drawn = await run.attempts(
            question.messages,
            role="default",
            label=key,
            n=self._rollouts,
            sampling=msgspec.structs.replace(question.sampling, top_logprobs=None),
            prefix=text or None,
        )
        ways = [c for c in drawn if isinstance(c, Completion)]
        if not ways:
            raise next(error for error in drawn if not isinstance(error, Completion))
        whole = [_read(question, text + way.text) for way in ways if way.finish_reason == "stop"]
        return sum(await self._scores(run, key, whole)) / len(ways)

    async def _scores(self, run: Run, key: str, samples: list[Sample]) -> list[float]:
        async def look() -> list[float]:
            found = [self._score(sample) for sample in samples]
            return [float(await value if isinstance(value, Awaitable) else value) for value in found]

        return await run.observe(key, look)


def _read(question: Question, text: str) -> Sample:
    """A text as a candidate with its answer."""
    kind = plugins.load("answer kind", question.kind or "text")
    return Sample(0, Completion(text, "stop", Usage(0, 0)), answer=kind.extract(text))
