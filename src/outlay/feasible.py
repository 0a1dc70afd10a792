"""Whether a plan can work here at all, found out before a cent is spent."""

from __future__ import annotations

import asyncio

from outlay import plugins
from outlay.errors import MissingAbility, UsageError
from outlay.models.provider import ABILITIES, Card
from outlay.types import Plan


async def refuse_unable(plan: Plan, card: Card) -> None:
    """Refuse a plan that cannot work with the default model, or whose verifier or sandbox cannot work on this machine.

    Raises:
        MissingAbility: says what is missing and what to do.
        UsageError: the verifier's parameters name nothing usable.
    """
    if plan.framings and card.identity.startswith("recorded/"):
        raise UsageError(
            f"{card.name} repeats what was recorded without {plan.framings[0][0]}; ask a model that can read it."
        )
    for kind, name in (("strategy", plan.strategy), *(("framing", name) for name, _ in plan.framings)):
        needs = getattr(plugins.module_of(plugins.load(kind, name)), "NEEDS", frozenset())
        for ability in sorted(needs - card.abilities):
            raise MissingAbility(
                f"{name} needs the ability {ability} ({ABILITIES[ability]}), which {card.name} "
                f"lacks; `outlay models` shows which models have it."
            )
    if plan.verifier is not None:
        chosen = plugins.spec("verifier", plan.verifier)
        if (ready := getattr(plugins.module_of(chosen.target), "ready", None)) is not None:
            await asyncio.to_thread(ready, **chosen.parameters)
