"""What the large model's step would gain over a draft: estimators of the advantage, its oracle, and chance as control.

An estimator is an async function of (run, question, chain, draft) that returns a number: the higher, the more the large
model's step is wanted. One of your own is named `package.module:function`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import isfinite
from typing import Any

from msgspec import Struct

from outlay import plugins
from outlay.errors import BadReply, ProviderError, UsageError, nearest
from outlay.run import Run
from outlay.skeletons.pair import Chain, Counts, drawn
from outlay.skeletons.pair_rules import LARGE, Rules
from outlay.skeletons.signals import mean_probability
from outlay.skeletons.steps import Step, digest
from outlay.types import Question

Estimator = Callable[[Run, Question, Chain, Step], Awaitable[float | None]]
"""The wish for the large model's step; None or NaN: it cannot be told."""


class Estimated(Struct, frozen=True):
    """An estimate, and the large model's step where estimating bought it."""

    value: float | None
    written: Step | None = None


async def uncertainty(run: Run, question: Question, chain: Chain, draft: Step) -> float | None:
    """1 - exp(mean log-probability of the draft's tokens): how unsure the small model was; costs nothing more."""
    probability = mean_probability(draft.logprobs)
    return None if probability is None else 1.0 - probability


async def chance(run: Run, question: Question, chain: Chain, draft: Step) -> float | None:
    """A uniform number of this run and prefix: routing at a fixed rate without looking, the control of every router."""
    return run.rng(f"chance/{digest(chain.text)}").random()


async def verifier(run: Run, question: Question, chain: Chain, draft: Step) -> float | None:
    """1 - the plan's verifier's score of the chain with the draft: reward-guided, by absolute quality."""
    return 1.0 - await scored(run, question, chain, draft)


BUILT_IN: dict[str, Estimator] = {f.__name__: f for f in (uncertainty, chance, verifier)}
ORACLE = "oracle"


def estimator(name: str) -> Estimator | None:
    """The estimator that a user names; None is the oracle, which needs more than a draft.

    Raises:
        UsageError: there is none of that name.
    """
    if name == ORACLE:
        return None
    if ":" in name:
        return plugins.load("strategy", name)
    if name not in BUILT_IN:
        raise UsageError(f"There is no estimator {name!r}; {nearest(name, [*BUILT_IN, ORACLE])}")
    return BUILT_IN[name]


async def estimate(
    run: Run, question: Question, chain: Chain, draft: Step, *, kept: Rules, name: str, counts: Counts
) -> Estimated:
    """The estimate of a named estimator, the oracle included: D = s_t - s_d, the large model's step bought to know it.

    Raises:
        ProviderError: a step or a score failed.
        BudgetExceeded: it does not fit.
    """
    chosen = estimator(name)
    if chosen is not None:
        counts.grades += name == verifier.__name__
        value: Any = await chosen(run, question, chain, draft)
        return Estimated(None if value is None or value != value else float(value))
    written = await drawn(run, question, kept, chain, LARGE)
    counts.large_tokens += written.usage.output_tokens
    counts.grades += 2
    try:
        gain = await scored(run, question, chain, written) - await scored(run, question, chain, draft)
    except ProviderError as failure:
        if failure.fatal:
            raise
        # The step is bought: it is the one that a decision without a signal asks for.
        return Estimated(None, written)
    return Estimated(gain, written)


async def scored(run: Run, question: Question, chain: Chain, new: Step) -> float:
    """The plan's verifier's score, in [0, 1], of a chain with one more step (`Run.score_prefix`).

    Raises:
        BadReply: it is nan or leaves [0, 1].
        ProviderError: the scorer failed.
        BudgetExceeded: it does not fit.
    """
    score = await run.score_prefix(question, (*(s.text for s in chain.steps), new.text), whole=new.ended)
    if not isfinite(score) or not 0.0 <= score <= 1.0:
        raise BadReply(f"the scorer said {score}")
    return score
