"""Cascades that cost more than the model they defer to: what the advice says of them."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.money import show
from outlay.policies._menu import Beliefs, Entry


def unpaying(menu: Sequence[Entry], beliefs: Beliefs) -> tuple[str, ...]:
    """A sentence for each pair of models of which no cascade costs less than one answer of the dearer.

    E[cost] = N c_s + (1 - P(agree)) c_t against c_t, over the pilot's questions, examples left out: such a pair lacks
    either the price (N c_s / c_t at or above 1) or the agreement. What examples would change is not in the pilot.

    Args:
        menu: plans; cascades with one answer of the large model, and its `single`, are compared.
        beliefs: what is known of them, in the same order.

    Returns:
        Sentences; empty where some cascade pays or none is on the menu.

    Source:
        The break-even of in-context distillation, Sarukkai et al. 2025 (arXiv 2512.02543), as in `economics.cascade`.
    """
    usd = dict(zip((e.name for e in menu), beliefs.usd_QP.mean(axis=0).tolist(), strict=True))
    alone = {e.models[0]: usd[e.name] for e in menu if e.plan.strategy == "single"}
    pairs: dict[tuple[str, ...], list[Entry]] = {}
    for entry in menu:
        if (
            entry.plan.strategy == "cascade"
            and entry.plan.parameters.get("m") == 1
            and entry.models[1] in alone
        ):
            pairs.setdefault(entry.models, []).append(entry)
    said = []
    for (small, large), entries in pairs.items():
        cheapest = min(entries, key=lambda e: usd[e.name])
        if usd[cheapest.name] >= alone[large]:
            dear, plain = (show(round(value * 1e9)) for value in (usd[cheapest.name], alone[large]))
            said.append(
                f"A cascade from {small} to {large} cannot pay on these questions without examples: it costs {dear} a "
                f"question, {large} alone {plain}; its samples cost too much or agree too seldom."
            )
    return tuple(said)
