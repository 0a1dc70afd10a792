"""Tokens and money of an experiment by phase and role, as its ledger has them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.money import NUSD
from outlay.store.protocol import Bill


class Spending(Struct, frozen=True):
    """What one role's model did in one phase. None is unknown, which is never 0.

    `cost_usd` is what buying it costs, whatever came from the call cache; `paid_usd` what was paid. `share` is of the
    cost of all, None where some cost is unknown or nothing cost anything. Tokens are whole buckets: `input_tokens`
    contains the cached ones, `output_tokens` the reasoning. `calls` count the samples drawn, those from the call
    cache too; of what failed or was lost nothing is in them.
    """

    phase: str
    role: str
    model: str
    calls: int
    cached_calls: int
    failed_calls: int
    lost_calls: int
    cost_usd: float | None
    paid_usd: float | None
    share: float | None
    input_tokens: int
    cached_tokens: int | None
    output_tokens: int
    reasoning_tokens: int | None


def spendings(bills: Sequence[Bill]) -> list[Spending]:
    """The bills of a ledger in dollars, the dearest first, offline before online.

    Args:
        bills: sums by phase, role and model.

    Returns:
        One entry a bill.

    Example:
        >>> one, two = (Bill("online", r, "m", 4, 0, 0, 0, c, c, 9, None, 9, None) for r, c in (("a", 1), ("b", 3)))
        >>> [(s.role, s.share) for s in spendings([one, two])]
        [('b', 0.75), ('a', 0.25)]
    """
    known = [b.cost_nusd for b in bills]
    total = None if None in known else sum(c or 0 for c in known)
    ordered = sorted(bills, key=lambda b: (b.phase, -(b.cost_nusd or 0), b.role, b.model))
    return [
        Spending(
            phase=b.phase,
            role=b.role,
            model=b.model,
            calls=b.calls,
            cached_calls=b.cached_calls,
            failed_calls=b.failed_calls,
            lost_calls=b.lost_calls,
            cost_usd=None if b.cost_nusd is None else b.cost_nusd / NUSD,
            paid_usd=None if b.paid_nusd is None else b.paid_nusd / NUSD,
            share=(b.cost_nusd or 0) / total if total else None,
            input_tokens=b.input_tokens,
            cached_tokens=b.cache_read_tokens,
            output_tokens=b.output_tokens,
            reasoning_tokens=b.reasoning_tokens,
        )
        for b in ordered
    ]
