"""Many questions under one budget with a verifier: try again where the next try is likeliest to be accepted."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from outlay.concurrency import together
from outlay.engine import Outlay
from outlay.errors import NoAnswer
from outlay.run import Run
from outlay.selection.first_accepted import first_accepted
from outlay.skeletons.pool import answer, draws
from outlay.solve._file import Solved
from outlay.solve._spec import SolveSpec
from outlay.solve._till import Till, usd, width
from outlay.types import Answer, Bound, Plan, Question

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
    """The state of a run with a verifier: everything in it follows from the tries so far.

    Args:
        questions: as they are asked.
        spec: the verifier, the worth and the most tries.
        shop: where the model's samples are bought.
        till: what counts the purchases.
        plan: what the lines call this.
    """

    def __init__(self, questions: Sequence[Question], spec: SolveSpec, shop: Outlay, till: Till, *, plan: str):
        self.open = [_Open(question) for question in questions]
        self.spec, self.shop, self.till, self.plan = spec, shop, till, plan

    @property
    def done(self) -> int:
        """Questions with an accepted answer."""
        return sum(o.accepted is not None for o in self.open)

    async def run(self) -> None:
        """One try of each question, then the next try that is likeliest to be accepted a dollar, until nothing pays."""
        at_once = width(await self.shop.card())
        for at in range(0, len(self.open), at_once):
            await self._try(range(at, min(at + at_once, len(self.open))))
        self.rate = (self.done + 0.5) / (len(self.open) + 1)
        queue = [(-rate, i) for i in range(len(self.open)) if (rate := self._rate(i)) is not None]
        heapq.heapify(queue)
        while queue and not self.till.stopped:
            batch = [heapq.heappop(queue)[1] for _ in range(min(at_once, len(queue)))]
            await self._try(batch)
            for i in batch:
                if (rate := self._rate(i)) is not None:
                    heapq.heappush(queue, (-rate, i))

    async def _try(self, indices: Iterable[int]) -> None:
        if not self.till.stopped:
            await together([self._one(self.open[i]) for i in indices])

    async def _one(self, o: _Open) -> None:
        plan = Plan(STRATEGY, {"at": o.tries}, self.spec.verifier, o.question.kind)
        try:
            bought = await self.till.buy(o.question, plan, "tried", shop=self.shop)
        except NoAnswer as failure:
            o.stopped, o.tries = str(failure), self.spec.most
            return
        if bought is None:
            return
        found, told = bought
        o.tries += 1
        o.usd += usd(found.cost_nusd)
        o.missing = (*o.missing, *found.missing)
        if told["accepted"]:
            o.accepted = found
        self.till.count(self)

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
            stopped="accepted by the verifier"
            if a is not None
            else o.stopped or self.till.stopped or "interrupted",
            missing=o.missing,
            accepted=a is not None,
            plan=self.plan if o.tries else None,
        )
