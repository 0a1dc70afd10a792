"""What every way of solving shares: one purchase, its bookkeeping, and the file of answers so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from outlay.engine import Outlay
from outlay.errors import BudgetExceeded
from outlay.models.provider import Card
from outlay.money import NUSD
from outlay.solve._file import Solved, write
from outlay.solve._spec import Progress
from outlay.types import Answer, Plan, Question

EVERY = 200
"""Purchases after which the answers so far are written."""


class Solver(Protocol):
    """A way of solving: it goes on until nothing is worth its price, all is settled, or the budget ends."""

    async def run(self) -> None:
        """Buy."""
        ...

    @property
    def done(self) -> int:
        """Questions that have an answer."""
        ...

    def answers(self) -> list[Solved]:
        """A line for each question, those without an answer too."""
        ...


class Till:
    """Where purchases are counted. `stopped` says why the budget ended them; empty while it has not."""

    def __init__(self, shop: Outlay, out: Path, questions: int, on_purchase: Progress | None):
        self.shop, self.out, self.of, self.on_purchase = shop, out, questions, on_purchase
        self.stopped, self.purchases = "", 0

    async def buy(
        self,
        question: Question,
        plan: Plan,
        event: str,
        *,
        shop: Outlay | None = None,
        ends: bool = True,
    ) -> tuple[Answer, dict[str, Any]] | None:
        """The answer, with the last event of that name that its strategy told (empty: none); None: it does not fit.

        `ends`: that something does not fit ends the buying.

        Raises:
            BudgetExceeded: it does not fit, and nothing has been bought at all.
            NoAnswer: no sample came back.
            ProviderError: no further call can succeed.
        """
        told: list[dict[str, Any]] = [{}]

        def listen(heard: dict[str, Any]) -> None:
            if heard["event"] == event:
                told[0] = heard

        try:
            answer = await (shop or self.shop).buy(question, plan, listener=listen)
        except BudgetExceeded as refusal:
            if not self.purchases:
                raise
            if ends:
                self.stopped = self.stopped or str(refusal)
            return None
        if answer.refused:
            self.stopped = self.stopped or answer.refused
        return answer, told[0]

    def count(self, solver: Solver) -> None:
        """Count a purchase whose answer the solver has taken in; every 200 the file is written."""
        self.purchases += 1
        if self.purchases % EVERY == 0:
            write(self.out, solver.answers())
        self.tell(solver.done)

    def pool(self) -> None:
        """Count a pool of a pilot."""
        self.purchases += 1
        self.tell(0)

    def tell(self, done: int) -> None:
        """Tell whoever follows."""
        if self.on_purchase:
            paid = self.shop.budget.settled["nusd"] / NUSD
            self.on_purchase(self.purchases, done, self.of, paid)


def width(card: Card) -> int:
    """How many questions are bought at once, so that a server is kept busy."""
    return max(1, min(card.concurrency // 8, 16))


def usd(cost_nusd: int | None) -> float:
    """Dollars; NaN where a price is unknown."""
    return float("nan") if cost_nusd is None else cost_nusd / NUSD
