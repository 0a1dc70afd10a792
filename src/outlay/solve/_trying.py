"""Many questions under one budget with a verifier: try again where the next try is likeliest to be accepted."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from outlay.concurrency import together
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, NoAnswer
from outlay.money import NUSD
from outlay.run import Run
from outlay.selection.first_accepted import first_accepted
from outlay.skeletons.pool import answer, draws
from outlay.solve._buying import EVERY, Progress, SolveSpec
from outlay.solve._file import Solved, write
from outlay.tasks import Task
from outlay.types import Answer, Bound, Plan, Question, Sampling

NEEDS = frozenset({"chat"})
STRATEGY = "outlay.solve._trying:one_try"
Index = Annotated[int, Meta(ge=0)]
WEIGHT = 2.0
"""How many tries the share of first tries that were accepted counts for a question (our choice)."""


def bound(question: Question, *, at: Index = 0) -> Bound:
    """One draw and its check."""
    return draws(question, 1, verifications=1)


async def one_try(run: Run, question: Question, *, at: Index = 0) -> Answer:
    """Sample number `at` of the question, checked; whoever listens is told whether it was accepted.

    Args:
        run: what to buy through.
        question: what is asked.
        at: the sample's index, from 0: the same index is the same draw.

    Cost: one draw and at most one verification.
    """
    pool = await run.score(question, await run.sample(question, n=1, start=at))
    choice = first_accepted(pool)
    run.emit("tried", accepted=bool(choice))
    return answer(run, question, pool, choice, stopped="accepted" if choice else "not accepted")


class _Open(Struct):
    """A question that is being tried."""

    question: Question
    tries: int = 0
    usd: float = 0.0
    accepted: Answer | None = None
    stopped: str = ""
    missing: tuple[str, ...] = ()


class Trying:
    """The state of a run with a verifier: everything in it follows from the tries so far."""

    def __init__(self, task: Task, spec: SolveSpec, shop: Outlay, out: Path, on_purchase: Progress | None):
        sampling = Sampling(temperature=spec.temperature, max_output_tokens=spec.max_output_tokens)
        self.open = [
            _Open(
                msgspec.structs.replace(item.question, sampling=sampling, kind=spec.kind or item.question.kind)
            )
            for item in task
        ]
        self.spec, self.shop, self.out, self.on_purchase = spec, shop, out, on_purchase
        self.stopped, self.purchases = "", 0

    async def run(self) -> None:
        """One try of each question, then the next try that is likeliest to be accepted a dollar, until nothing pays."""
        card = await self.shop.card()
        width = max(1, min(card.concurrency // 8, 16))
        for at in range(0, len(self.open), width):
            await self._try(range(at, min(at + width, len(self.open))))
        first = sum(o.accepted is not None for o in self.open)
        self.rate = (first + 0.5) / (len(self.open) + 1)
        queue = [(-rate, i) for i in range(len(self.open)) if (rate := self._rate(i)) is not None]
        heapq.heapify(queue)
        while queue and not self.stopped:
            batch = [heapq.heappop(queue)[1] for _ in range(min(width, len(queue)))]
            await self._try(batch)
            for i in batch:
                if (rate := self._rate(i)) is not None:
                    heapq.heappush(queue, (-rate, i))

    async def _try(self, indices: Iterable[int]) -> None:
        if not self.stopped:
            await together([self._one(self.open[i]) for i in indices])

    async def _one(self, o: _Open) -> None:
        told: list[dict[str, Any]] = []
        plan = Plan(STRATEGY, {"at": o.tries}, self.spec.verifier, o.question.kind)
        try:
            bought = await self.shop.buy(
                o.question, plan, listener=lambda e: told.append(e) if e["event"] == "tried" else None
            )
        except BudgetExceeded as refusal:
            if not any(other.tries for other in self.open):
                raise
            self.stopped = self.stopped or str(refusal)
            return
        except NoAnswer as failure:
            o.stopped, o.tries = str(failure), self.spec.most
            return
        o.tries += 1
        o.usd += float("nan") if bought.cost_nusd is None else bought.cost_nusd / NUSD
        o.missing = (*o.missing, *bought.missing)
        if told[0]["accepted"]:
            o.accepted = bought
        self.purchases += 1
        if self.purchases % EVERY == 0:
            write(self.out, self.answers())
        if self.on_purchase:
            done = sum(x.accepted is not None for x in self.open)
            self.on_purchase(self.purchases, done, len(self.open), self.shop.budget.settled["nusd"] / NUSD)

    def _rate(self, i: int) -> float | None:
        """The chance a dollar that the next try is accepted; None where the question is done.

        After k tries in vain it is w h / (w + k), h the share of first tries that were accepted, counted as w tries.
        """
        o = self.open[i]
        if o.stopped or o.accepted is not None:
            return None
        if o.tries >= self.spec.most:
            o.stopped = f"no answer was accepted in {o.tries} tries"
            return None
        chance = WEIGHT * self.rate / (WEIGHT + o.tries)
        price = o.usd / max(o.tries, 1)
        if self.spec.value_usd is not None and not self.spec.value_usd * chance > price:
            o.stopped = f"no answer was accepted in {o.tries} tries, and one more is not worth its price"
            return None
        return chance / price if price > 0 else chance * 1e300

    def answers(self) -> list[Solved]:
        """A line for each question, those without an accepted answer too."""
        return [self._line(o) for o in self.open]

    def _line(self, o: _Open) -> Solved:
        a = o.accepted
        return Solved(
            id=o.question.id,
            answer=None if a is None else a.answer,
            text=None if a is None else a.text,
            p_leads=None,
            share=None,
            samples=o.tries,
            cost_usd=None if o.usd != o.usd else o.usd,
            stopped="accepted by the verifier" if a is not None else o.stopped or self.stopped or "interrupted",
            missing=o.missing,
            accepted=a is not None,
        )
