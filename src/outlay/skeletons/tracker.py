"""What an agent has left: a hard count for each tool, the money, and the level of budget that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from outlay.money import show

Level = Literal["HIGH", "MEDIUM", "LOW", "CRITICAL"]
EDGES: tuple[tuple[Level, int], ...] = (("HIGH", 70), ("MEDIUM", 30), ("LOW", 10))
"""The least share of a budget that is left at each level, in percent; below the last it is CRITICAL."""


def level(left: int, budget: int) -> Level:
    """The level of a budget of which `left` of `budget` units are left, exact at its edges.

    70 % and more is HIGH, 30 % and more MEDIUM, 10 % and more LOW, and less CRITICAL. A budget of 0 is CRITICAL.

    Example:
        >>> [level(left, 1000) for left in (700, 699, 300, 299, 100, 99, 0)]
        ['HIGH', 'MEDIUM', 'MEDIUM', 'LOW', 'LOW', 'CRITICAL', 'CRITICAL']
    """
    for name, least in EDGES:
        if budget > 0 and 100 * left >= least * budget:
            return name
    return "CRITICAL"


class Tracker:
    """Counts the calls of each tool against its budget; used + left is always the budget, and left is never below 0.

    Args:
        budgets: the most calls by tool.
        nusd: the money that was left at the start, in nano-dollars, or None where nothing caps it.

    Example:
        >>> tracker = Tracker({"search": 10})
        >>> [tracker.take("search") for _ in range(4)], tracker.left("search"), tracker.level()
        ([True, True, True, True], 6, 'MEDIUM')
    """

    def __init__(self, budgets: Mapping[str, int], nusd: int | None = None):
        self.budgets, self.nusd = dict(budgets), nusd
        self.used = dict.fromkeys(budgets, 0)

    def take(self, name: str) -> bool:
        """Count one call of a tool, if its budget has one left."""
        if self.left(name) < 1:
            return False
        self.used[name] += 1
        return True

    def give_back(self, name: str) -> None:
        """Uncount a call that was not made after all."""
        self.used[name] -= 1

    def left(self, name: str) -> int:
        """Calls of a tool that are left."""
        return self.budgets[name] - self.used[name]

    @property
    def exhausted(self) -> bool:
        """Whether the budget of any tool is used up; False without tools."""
        return any(self.left(name) < 1 for name in self.budgets)

    def level(self, spent_nusd: int = 0) -> Level:
        """The lowest level over all tools and the money (our choice: the paper has one share a tool)."""
        shares = [(self.left(name), most) for name, most in self.budgets.items()]
        if self.nusd is not None:
            shares.append((max(self.nusd - spent_nusd, 0), self.nusd))
        left, most = min(shares, key=lambda share: share[0] / share[1] if share[1] else 0.0, default=(1, 1))
        return level(left, most)

    def block(self, spent_nusd: int = 0) -> str:
        """The block that the model sees after each turn: used and left by tool, the money, and the level.

        Example:
            >>> print(Tracker({"search": 10}, nusd=50_000_000).block(10_000_000))
            <budget>
            search: 0 used, 10 left
            money: $0.01 used, $0.04 left
            level: HIGH
            </budget>
        """
        lines = [f"{name}: {self.used[name]} used, {self.left(name)} left" for name in self.budgets]
        if self.nusd is not None:
            left = max(self.nusd - spent_nusd, 0)
            lines.append(f"money: {show(spent_nusd)} used, {show(left)} left")
        return "\n".join(["<budget>", *lines, f"level: {self.level(spent_nusd)}", "</budget>"])
