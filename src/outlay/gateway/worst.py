"""The most that a plan can use, by role, with what its verifier calls by itself: caps on calls are held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outlay import plugins
from outlay.config.plans import PASS_THROUGH
from outlay.framings._bound import Framings, added_tokens, framed
from outlay.types import Bound, Draws, Question


def checked_by(bound: Bound, question: Question, verifier: str | None, framings: Framings) -> dict[str, Draws]:
    """A bound by role, before retries, with the verifier's own calls in place of verifications.

    Args:
        bound: of the strategy on the question, its framings included.
        question: what is asked.
        verifier: with its parameters; None: what is called is not known, and not counted.
        framings: what is put around the question.

    Raises:
        UsageError: an unknown verifier, framing or parameter.
    """
    worst = dict(bound.by_role)
    checks = worst.pop("verifier", None)
    if checks is None or verifier is None:
        return worst
    chosen = plugins.spec("verifier", verifier)
    one = plugins.module_of(chosen.target).bound(question, **chosen.parameters)
    more = added_tokens(question, framings)
    for role, draw in one.by_role.items():
        other = worst.get(role, Draws())
        worst[role] = Draws(
            other.calls + checks.calls * draw.calls,
            other.input_tokens + checks.calls * (draw.input_tokens + draw.calls * more),
            other.output_tokens + checks.calls * draw.output_tokens,
        )
    return worst


def calls_of(
    question: Question, strategy: str, parameters: Mapping[str, Any], verifier: str | None, framings: Framings
) -> int:
    """The most calls of a plan on a question, before retries.

    Raises:
        UsageError: an unknown strategy, verifier or framing, or a parameter that it does not take.
    """
    if strategy == PASS_THROUGH:
        return 1
    target = plugins.load("strategy", strategy)
    given = plugins.check("strategy", strategy, target, parameters)
    bound = framed(question, plugins.module_of(target).bound(question, **given), framings)
    return sum(draw.calls for draw in checked_by(bound, question, verifier, framings).values())
