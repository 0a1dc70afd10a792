"""What a model's own probabilities say of a step: entropy of its first token, mean probability of its draft."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from outlay.run import Run
from outlay.skeletons.steps import digest
from outlay.types import Question, TokenLogprob

RIVALS = 20
"""The likeliest tokens that an entropy is taken over: the most that OpenAI's interface gives."""


def entropy(token: TokenLogprob) -> float | None:
    """H = -sum_v p(v) ln p(v) in nats, p the listed probabilities renormalised to sum to 1; in [0, ln of their number].

    None where fewer than two tokens are listed, or one of them is NaN: then there is no entropy to speak of.

    Example:
        >>> print(f"{entropy(TokenLogprob('a', -1.5, (('a', -1.5), ('b', -1.5), ('c', -1.5)))):.4f}")
        1.0986
    """
    listed = dict([(token.token, token.logp), *token.top]).values()
    if len(listed) < 2 or any(math.isnan(v) for v in listed):
        return None
    top = max(listed)
    if top == -math.inf:
        return None
    weights = [math.exp(v - top) for v in listed]
    total = sum(weights)
    return -sum(w / total * math.log(w / total) for w in weights if w > 0) + 0.0


async def first_token_entropy(run: Run, question: Question, prefix: str, *, role: str) -> float | None:
    """The entropy of the first token that a role's model would write after `prefix`; the token is thrown away.

    Raises:
        ProviderError: the call failed.
        BudgetExceeded: it does not fit.

    Cost: one output token.
    """
    sampling = msgspec.structs.replace(
        question.sampling, temperature=0.0, max_output_tokens=1, top_logprobs=RIVALS, stop=()
    )
    label = f"probe/{digest(prefix)}"
    (said,) = await run.complete(
        question.messages, role=role, label=label, sampling=sampling, prefix=prefix or None
    )
    return entropy(said.logprobs[0]) if said.logprobs else None


def mean_probability(logprobs: Sequence[TokenLogprob] | None) -> float | None:
    """exp(mean log-probability) of drawn tokens, in [0, 1]; None without any, or with NaN among them.

    Example:
        >>> print(round(mean_probability([TokenLogprob("a", -0.5), TokenLogprob("b", -1.5)]), 4))
        0.3679
    """
    if not logprobs:
        return None
    mean = sum(t.logp for t in logprobs) / len(logprobs)
    return None if math.isnan(mean) else math.exp(min(mean, 0.0))
