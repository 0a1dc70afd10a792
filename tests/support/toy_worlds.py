"""Worlds of a few lines in which searches over steps have known results: a tree of good and bad steps, and its scorers.

A model writes `good …` or `bad …` steps and at last an answer; everything it says follows from the request, so the same
seeds give the same world. A scorer is a verifier that sees the steps and errs in a stated way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from random import Random

from outlay.models.scripted import Script
from outlay.skeletons.steps import digest
from outlay.types import Question, Request, Sample, Verdict

RIGHT, WRONG = "42", "41"
QUESTION = Question.of("What is 6 times 7 ?", id="q1", kind="number")


@dataclass(frozen=True)
class Tree:
    """The shared toy tree: a good step follows a good one with p, a bad chain recovers with `recovers`."""

    depth: int = 8
    p: float = 0.7
    recovers: float = 0.03

    def script(self) -> Script:
        """The model: one step where a stop string is given, else a whole chain."""

        def says(request: Request, index: int) -> str:
            prefix = request.prefix or ""
            rng = Random(f"{request.seed} {index} {digest(prefix)}")
            steps = [s for s in prefix.split("\n\n") if s]
            said: list[str] = []
            while len(steps) < self.depth and not (said and request.sampling.stop):
                good = is_good(steps[-1]) if steps else True
                good = rng.random() < (self.p if good else self.recovers)
                last = len(steps) + 1 == self.depth
                step = (
                    f"Answer: {RIGHT if good else WRONG}"
                    if last
                    else f"{'good' if good else 'bad'} {rng.getrandbits(40)}"
                )
                steps.append(step)
                said.append(step)
            return "\n\n".join(said) + ("\n\n" if len(steps) < self.depth else "")

        return says


def is_good(step: str) -> bool:
    """Whether a step of these worlds is a good one."""
    return step.startswith("good") or step.strip().endswith(RIGHT)


@dataclass(frozen=True)
class Scorer:
    """A verifier over `score(good, depth, rng)`; the rng follows from the text, so that each text has one score."""

    score: Callable[[bool, int, Random], float]

    async def prefix(self, run: object, question: Question, steps: tuple[str, ...]) -> float:
        """The score of the chain so far."""
        return self.score(is_good(steps[-1]), len(steps), Random(digest("".join(steps))))

    async def __call__(self, run: object, question: Question, candidate: Sample) -> Verdict:
        """The score of a whole chain."""
        assert candidate.completion is not None
        steps = tuple(candidate.completion.text.split("\n\n"))
        score = await self.prefix(run, question, steps)
        return Verdict(score, score >= 0.5)


def noisy(good: bool, depth: int, rng: Random) -> float:
    """sigmoid(1.2 * (+1 or -1) + N(0, 1)), anew for every prefix."""
    return 1.0 / (1.0 + exp(-1.2 * (1 if good else -1) - rng.gauss(0.0, 1.0)))


def perfect(good: bool, depth: int, rng: Random) -> float:
    """1 for good, 0 for bad."""
    return float(good)


def misled(until: int) -> Callable[[bool, int, Random], float]:
    """`noisy`, but up to a depth it takes bad steps for good and good ones for bad: a misleading score that lasts."""
    return lambda good, depth, rng: noisy(good != (depth <= until), depth, rng)
