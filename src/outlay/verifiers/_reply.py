"""What the verifiers that ask a model share: their bound, and the token that carries a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from outlay.door.bounds import MESSAGE_OVERHEAD
from outlay.errors import MissingAbility
from outlay.prompts._data import LARGEST
from outlay.run import Run
from outlay.types import Bound, Draws, Message, Question, Sample, TokenLogprob

ROLE = "judge"
"""The role whose model judges and checks."""
RIVALS = 20
"""How many of the likeliest tokens are asked for: the most that OpenAI's interface gives."""


def bound_of(
    question: Question,
    prompt: Callable[[Sequence[Message], str], Sequence[Message]],
    *,
    n: int,
    max_output_tokens: int,
) -> Bound:
    """The worst case of one verification: n calls on the longest prompt, a token a byte."""
    longest = (
        sum(len(str(m["content"]).encode()) + MESSAGE_OVERHEAD for m in prompt(question.messages, "")) + LARGEST
    )
    return Bound({ROLE: Draws(n, n * longest, n * max_output_tokens)})


def text_of(candidate: Sample) -> str:
    """What there is to judge: the reply's text, or the answer where the text is empty (a tool call)."""
    text = candidate.completion.text if candidate.completion is not None else ""
    return text or candidate.answer or ""


def rivals_wanted(run: Run) -> int | None:
    """How many rival tokens to ask the judge for: 20, or None where the model reports no logprobs."""
    try:
        run.need(frozenset({"logprobs"}), role=ROLE)
    except MissingAbility:
        return None
    return RIVALS


def token_at(logprobs: Sequence[TokenLogprob], start: int) -> TokenLogprob | None:
    """The token that holds the character at `start` of the joined tokens."""
    end = 0
    for token in logprobs:
        end += len(token.token)
        if start < end:
            return token
    return None


def probabilities(token: TokenLogprob) -> dict[str, float]:
    """The probability of each word at a token's place, spaces and case aside; the drawn one included.

    Example:
        >>> round(probabilities(TokenLogprob(" Yes", -0.5, ((" Yes", -0.5), ("yes", -2.0))))["yes"], 3)
        0.742
    """
    found: dict[str, float] = {}
    listed = dict(token.top)
    listed.setdefault(token.token, token.logp)
    for text, logp in listed.items():
        word = text.strip(" \n\t*:").lower()
        found[word] = found.get(word, 0.0) + math.exp(min(logp, 0.0))
    return found
