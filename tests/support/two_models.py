"""Two scripted models that continue one chain of steps: what each says, grades, first tokens, and a clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from outlay.models.scripted import prompt_tokens
from outlay.testing import FIXED, Clock, scripted
from outlay.types import Completion, Delta, Question, Request, Sampling, TokenLogprob, Usage

ASK = Question.of("Add up.", id="q", kind="number", sampling=Sampling(max_output_tokens=400))
BEGUN = "I think the quality score is: "


def is_grade(request: Request) -> bool:
    """Whether a grade is asked for."""
    return request.prefix == BEGUN


def is_probe(request: Request) -> bool:
    """Whether one token is peeked at."""
    return request.max_output_tokens == 1 and not is_grade(request)


def depth(request: Request) -> int:
    """Steps that the chain holds already."""
    return (request.prefix or "").count("\n\n")


def digit(value: float) -> Completion:
    """A grade as one token that is sure of its digit, or split between two neighbours."""
    low = min(int(value), 8)
    share = value - low
    top = tuple((str(d), math.log(p)) for d, p in ((low, 1 - share), (low + 1, share)) if p > 0)
    word = max(top, key=lambda t: t[1])
    return Completion(word[0], "length", Usage(0, 1), logprobs=(TokenLogprob(word[0], word[1], top),))


def flat(m: int) -> Completion:
    """A token drawn from m equally likely ones."""
    top = tuple((f"t{i}", -math.log(m)) for i in range(m))
    return Completion("t0", "length", Usage(0, 1), logprobs=(TokenLogprob("t0", -math.log(m), top),))


def step(text: str, probability: float = 0.9, last: bool = False) -> Completion:
    """A step that ends at a blank line, each of its tokens of the same probability."""
    words = text.split()
    return Completion(
        text,
        "stop",
        Usage(0, len(words)),
        logprobs=tuple(TokenLogprob(w, math.log(probability)) for w in words),
        stopped_by="" if last else "\n\n",
    )


class timed(scripted):
    """A scripted model that takes so long a token on a clock that it moves, and keeps who asked for what."""

    def __init__(self, script: Callable[[Request, int], Any], clock: Clock, token_s: float, **more: Any):
        super().__init__(script, price=FIXED, **more)
        self._clock, self._token_s = clock, token_s

    async def stream(self, request: Request):
        async for delta in super().stream(request):
            if isinstance(delta, Delta) and delta.usage:
                self._clock.advance(delta.usage.output_tokens * self._token_s)
                delta = Delta(None, usage=Usage(prompt_tokens(request), delta.usage.output_tokens))
            yield delta
