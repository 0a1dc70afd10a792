"""A chain of thought and its shape: values that searches over steps pass around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from outlay.door.metering import total
from outlay.skeletons.steps import SEPARATOR, separator_of
from outlay.types import Completion, Sample, Usage, Verdict

ACCEPTED = 0.5
"""The score from which a whole chain counts as accepted."""

Temperature = Annotated[float, Meta(ge=0.0, le=2.0)]


class Chain(Struct, frozen=True, omit_defaults=True):
    """A chain of thought so far. `scores` has the score of each prefix, one a step."""

    steps: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    usages: tuple[Usage, ...] = ()
    """Of each draw; one more than `steps` where the last one brought no text."""
    why: str = ""
    """How it ended; empty while it can go on."""
    whole: bool = False
    """It ended by itself, so that its answer may count."""
    error: str = ""
    """The call or the score that is missing. A whole chain keeps its text and only lacks a score."""

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "".join(self.steps)

    @property
    def output_tokens(self) -> int:
        """Tokens written so far."""
        return sum(u.output_tokens for u in self.usages)

    @property
    def depth(self) -> int:
        """Steps so far."""
        return len(self.steps)

    @property
    def open(self) -> bool:
        """Whether it can grow."""
        return not self.why and not self.error

    @property
    def over(self) -> bool:
        """Whether it ended, at its own end or at a bound, and was not lost on the way."""
        return bool(self.why)

    @property
    def score(self) -> float:
        """The latest score; 1 before the first step, so that the first scores discriminate."""
        return self.scores[-1] if self.scores else 1.0

    def upto(self, depth: int) -> Chain:
        """Its first `depth` steps as an open chain; the whole chain as it is where it has no more."""
        if depth >= self.depth:
            return self
        return Chain(self.steps[:depth], self.scores[:depth], self.usages[:depth])


class Shape(Struct, frozen=True):
    """The caps of every chain: so many steps, so many tokens a step, and what sets steps apart."""

    steps: int = 40
    step_tokens: int = 512
    separator: str = SEPARATOR
    temperature: float | None = None

    @staticmethod
    def of(steps: int, step_tokens: int, separator: str, temperature: float | None) -> Shape:
        r"""The shape of a strategy's parameters; `\n` in a separator is a line break.

        Raises:
            UsageError: an empty separator.
        """
        return Shape(steps, step_tokens, separator_of(separator), temperature)


def sample_of(index: int, chain: Chain) -> Sample:
    """A chain as a sample of a pool; only a whole one can carry an answer."""
    if chain.error and not chain.whole:
        return Sample(index, error=chain.error)
    finish_reason = "stop" if chain.whole else "length"
    completion = Completion(chain.text, finish_reason, total(chain.usages or [Usage(0, 0)]), sample=index)
    verdict = None
    if chain.whole and not chain.error:
        verdict = Verdict(chain.score, chain.score >= ACCEPTED, f"scored after {chain.depth} steps")
    return Sample(index, completion, verdict=verdict, error=chain.error)


def merged(children: Sequence[Chain]) -> list[Chain]:
    """Children whose texts are equal after stripping count once, the first of them; what they cost is spent."""
    first: dict[str, Chain] = {}
    for child in children:
        first.setdefault(child.text.strip(), child)
    return list(first.values())
