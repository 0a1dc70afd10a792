"""Where the money of an experiment went, and when offline work pays back, one plain sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from outlay.report.amortised import Amortised
from outlay.report.offer import named, short
from outlay.report.spending import Spending
from outlay.report.words import dollars, percent


def spending_words(of: Sequence[Spending]) -> list[str]:
    """Who got how much of the money: one sentence, or none where there is nothing to divide.

    Example:
        >>> def spent(role, usd):
        ...     return Spending("online", role, "m", 8, 0, 0, 0, usd, usd, usd, 9, None, 9, None)
        >>> print(spending_words([spent("default", 0.75), spent("judge", 0.25)])[0])
        Of $1, 75 % went to default (m), 25 % to judge (m).
    """
    if len(of) < 2 or any(s.cost_usd is None or s.share is None for s in of):
        return []
    total = sum(s.cost_usd or 0.0 for s in of)
    several = len({s.phase for s in of}) > 1
    parts = [
        f"{percent(s.share or 0.0)}{' went' if i == 0 else ''} to {s.role} ({short(s.model)}"
        f"{f', {s.phase}' if several else ''})"
        for i, s in enumerate(of)
    ]
    return [f"Of {dollars(total)}, {', '.join(parts)}."]


def paying_back(a: Amortised) -> str:
    """After how many uses the offline work saves money, and what it does to right answers.

    Example:
        >>> uses, righter = (4.0, 6.5), (-0.1, 0.3)
        >>> found = Amortised("t", "live", "s", "m", "", 9, 0.01, 0.003, 0.001, 5, uses, 0.1, righter, ())
        >>> print(paying_back(found)[:76])
        s on m: the offline work of $0.01 has paid back after 5 uses (4 to 7): $0.00
    """
    who = named(a.plan, a.verifier, a.model)
    if a.first is None:
        back = f"the offline work of {dollars(a.offline_usd)} never pays back in money"
        if a.uses_interval is not None:
            back += f", though {a.uses_interval[0]:,.0f} uses cannot be ruled out"
    else:
        back = f"the offline work of {dollars(a.offline_usd)} has paid back after {a.first:,} uses{_uses(a)}"
    low, high = (100 * x for x in (a.righter_interval[0], a.righter_interval[1] or 0.0))
    points = 100 * a.righter
    right = f"right {abs(points):.0f} points {'oftener' if points >= 0 else 'more rarely'} ({low:.0f} to {high:.0f})"
    return f"{who}: {back}: {dollars(a.without_usd)} a question before, {dollars(a.with_usd)} with it; {right}."


def _uses(a: Amortised) -> str:
    if a.uses_interval is None:
        return ""
    low, high = a.uses_interval
    return f" ({floor(low):,} to {'no end' if high is None else f'{ceil(high):,}'})"
