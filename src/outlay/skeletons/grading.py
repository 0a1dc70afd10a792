"""A model's grade of the last step of a chain, read from the probabilities of one digit."""

from __future__ import annotations

import math
import re
from typing import Literal, TypeAlias

from outlay.door.bounds import text_bound
from outlay.prompts import grade as prompt
from outlay.run import Run
from outlay.skeletons.steps import digest
from outlay.types import Completion, Question, Sampling

RIVALS = 10
"""How many of the likeliest tokens are asked for (SpecReason's code)."""
CHAT_TOKENS = 4
"""The bound of a grade from a model whose reply cannot be begun."""
_DIGIT = re.compile(r"[\s*_:\"'`(]{0,8}([0-9])(?![0-9]|[.,][0-9])")
Reading: TypeAlias = Literal["average", "greedy"]
"""How a digit is read: its expectation, or the likeliest one."""


async def grade(run: Run, question: Question, chain: str, *, role: str, reading: Reading = "average") -> float:
    """The grade in [0, 9] that a role's model gives the last step of `chain`.

    Args:
        run: what buys it.
        question: what the chain answers, as the models see it.
        chain: the text so far, the step to grade last.
        role: whose model grades. With the ability `prefix` its reply is begun for it and one token is enough; else it
            is asked like anyone. Without `logprobs` the stated digit is the grade.
        reading: see `read_grade`.

    Raises:
        ProviderError: the call failed.
        BudgetExceeded: it does not fit.

    Cost: one output token of the role's model (4 without `prefix`), after the chain and a turn of about 60 tokens.
    """
    abilities = run.card(role).abilities
    begun = "prefix" in abilities
    sampling = Sampling(
        temperature=0.0,
        max_output_tokens=1 if begun else CHAT_TOKENS,
        top_logprobs=RIVALS if "logprobs" in abilities else None,
    )
    (said,) = await run.complete(
        prompt.messages(question.messages, chain),
        role=role,
        label=f"grade/{digest(chain)}",
        sampling=sampling,
        prefix=prompt.BEGUN if begun else None,
    )
    return read_grade(said, reading)


def read_grade(said: Completion, reading: Reading = "average") -> float:
    """The grade of a reply of one token.

    `greedy`: the digit itself, and 0 where the token is none. `average`: sum_d d p(d), p renormalised over the digits
    among the listed tokens; without log-probabilities, or without a digit among them, the same as `greedy`.

    Example:
        >>> from outlay.types import TokenLogprob, Usage
        >>> half = TokenLogprob("8", math.log(0.5), (("8", math.log(0.5)), ("6", math.log(0.5))))
        >>> read_grade(Completion("8", "length", Usage(1, 1), logprobs=(half,)))
        7.0
    """
    found = _DIGIT.match(said.text[:64])
    stated = float(found[1]) if found else 0.0
    if reading == "greedy" or not said.logprobs:
        return stated
    first = said.logprobs[0]
    p: dict[str, float] = {}
    for text, logp in dict([(first.token, first.logp), *first.top]).items():
        if len(text.strip()) == 1 and text.strip() in "0123456789" and logp == logp:
            p[text.strip()] = p.get(text.strip(), 0.0) + math.exp(min(logp, 0.0))
    total = sum(p.values())
    return sum(float(d) * mass for d, mass in p.items()) / total if total > 0 else stated


def input_of_a_grade(question: Question, chain_tokens: int) -> int:
    """The most input tokens of one grade of a chain of so many tokens, a token a byte of the prompt."""
    return text_bound(prompt.messages(question.messages, ""), question.sampling, prompt.BEGUN) + chain_tokens
