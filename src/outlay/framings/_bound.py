"""What framings add to the worst case of a plan: tokens in every call that carries the question, and own purchases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outlay import plugins
from outlay.types import Bound, Draws, Question

Framings = Sequence[tuple[str, dict[str, Any]]]
"""Names of framings with their parameters, in the order of their application."""


def added_tokens(question: Question, framings: Framings) -> int:
    """The most input tokens that framings add to one call with the question in it: the sum of their `adds`.

    Args:
        question: the question before it is framed.
        framings: of a plan.

    Returns:
        Tokens, at UTF-8 bytes as `bounds.text_bound` counts them.

    Raises:
        UsageError: an unknown framing or parameter.
    """
    return sum(module.adds(question, **given) for module, given in _modules(framings))


def framed(question: Question, bound: Bound, framings: Framings) -> Bound:
    """A strategy's worst case with its framings: more input in each call, and what the framings buy themselves.

    Args:
        question: the question before it is framed.
        bound: of the strategy on that question.
        framings: of a plan; none leaves the bound as it is.

    Returns:
        The worst case by role, before retries.

    Raises:
        UsageError: an unknown framing or parameter.
    """
    if not framings:
        return bound
    more = added_tokens(question, framings)
    by_role = {
        role: Draws(d.calls, d.input_tokens + d.calls * more, d.output_tokens)
        for role, d in bound.by_role.items()
    }
    for module, given in _modules(framings):
        for role, d in module.bound(question, **given).by_role.items():
            known = by_role.get(role, Draws())
            by_role[role] = Draws(
                known.calls + d.calls,
                known.input_tokens + d.input_tokens + d.calls * more,
                known.output_tokens + d.output_tokens,
            )
    return Bound(by_role)


def _modules(framings: Framings) -> list[tuple[Any, dict[str, Any]]]:
    found = []
    for name, given in framings:
        target = plugins.load("framing", name)
        found.append((plugins.module_of(target), plugins.check("framing", name, target, given)))
    return found
