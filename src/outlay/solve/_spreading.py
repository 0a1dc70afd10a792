"""Many questions under one budget, each bought with a plan: shares follow from what is left and who is left."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from outlay.concurrency import together
from outlay.door.bounds import seed_of
from outlay.engine import Outlay
from outlay.errors import NoAnswer
from outlay.experiments.pilot import WHOLE_POOL
from outlay.policies._menu import Entry
from outlay.solve._deciding import Decided
from outlay.solve._file import Solved
from outlay.solve._spec import SolveSpec
from outlay.solve._till import Till, usd, width
from outlay.tasks import Task
from outlay.types import Answer, Plan, Pool

PLACES = 1 << 31
"""Seeds are below this."""


class _Open(Struct):
    """A question, the plan that it got (None: none yet, or nothing is to be bought) and what came of it."""

    place: int
    entry: Entry | None = None
    answer: Answer | None = None
    samples: int = 0
    usd: float = 0.0
    stopped: str = ""


class Spreading:
    """The state of a run in which every question is bought with a plan of its own.

    Before each batch the budget that is left is spread anew over the questions that are left, so that a run whose
    questions come dearer than the pilot's still reaches the last one. Which question gets which part is drawn by the
    seed. The pilot's questions come first, with the most accurate of the chosen plans: their samples are there.

    Args:
        task: the questions.
        spec: the worth and the seed.
        decided: the menu and what is left.
        shop: whose run pays.
        till: what counts the purchases.
    """

    def __init__(self, task: Task, spec: SolveSpec, decided: Decided, shop: Outlay, till: Till):
        self.task, self.spec, self.decided, self.shop, self.till = task, spec, decided, shop, till
        self.open = [_Open(i) for i in range(len(task))]

    @property
    def done(self) -> int:
        """Questions with an answer."""
        return sum(o.answer is not None for o in self.open)

    async def run(self) -> None:
        """Buy question after question, until all have what the budget has for them."""
        shops = [await self._shop(model) for model in self.spec.models]
        cards = [await shop.card() for shop in shops]
        self.asked = {m: self.spec.asked(self.task, c) for m, c in zip(self.spec.models, cards, strict=True)}
        at_once = min(map(width, cards))
        best = self._best()
        piloted = [self.open[i] for i in sorted(self.decided.places)]
        for at in range(0, len(piloted), at_once):
            await together([self._one(o, best, best) for o in piloted[at : at + at_once]])
        rest = [o for o in self.open if o.place not in set(self.decided.places)]
        left_usd = self.decided.left_usd
        for at in range(0, len(rest), at_once):
            if self.till.stopped:
                return
            batch = rest[at : at + at_once]
            found = self.decided.spread_of(left_usd, len(rest) - at, self.spec.value_usd)
            cheaper = self._entry(found.parts[0].plan)
            await together([self._one(o, self._entry(found.at(self._place(o))), cheaper) for o in batch])
            left_usd -= sum(o.usd for o in batch if o.usd == o.usd)

    def _best(self) -> Entry:
        """The most accurate plan of the chosen ones, of the whole menu where nothing is worth buying."""
        among = [p.plan for p in self.decided.spread.parts if p.plan is not None] or range(
            len(self.decided.menu)
        )
        return self.decided.menu[max(among, key=lambda i: self.decided.accuracy[i])]

    def _entry(self, plan: int | None) -> Entry | None:
        return None if plan is None else self.decided.menu[plan]

    def _place(self, o: _Open) -> float:
        return seed_of(self.spec.seed, self.task[o.place].question.id, "spread") / PLACES

    async def _shop(self, model: str) -> Outlay:
        return await self.shop.played_by({"default": model, **self.spec.roles})

    async def _one(self, o: _Open, entry: Entry | None, cheaper: Entry | None) -> None:
        """Buy a question with its plan, or with the cheaper one of the two where that does not fit any more."""
        if entry is None:
            o.stopped = (
                "the budget does not reach every question"
                if self.spec.value_usd is None
                else "no plan is worth its price"
            )
            return
        second = None if cheaper is entry else cheaper
        try:
            if not await self._with(o, entry, ends=second is None) and second is not None:
                await self._with(o, second, ends=True)
        except NoAnswer as failure:
            o.stopped = str(failure)

    async def _with(self, o: _Open, entry: Entry, *, ends: bool) -> bool:
        """Buy a question with a plan; whether it fitted.

        A cascade is the small model's answer where its samples agree, else the large one's, both asked as in the pilot,
        so that what it drew of its own questions serves them. Nothing depends on how earlier questions went, which the
        strategy `cascade` remembers.
        """
        o.entry = entry
        if entry.plan.strategy != "cascade":
            told = await self._part(o, entry.models[0], entry.plan, "progress", ends=ends)
            if told is None:
                return False
            o.samples = told.get("drawn", entry.n)
        else:
            asked = entry.plan.parameters
            for model, n in zip(entry.models, (asked["n"], asked["m"]), strict=True):
                first = o.answer is None
                told = await self._part(o, model, Plan(WHOLE_POOL, {"n": n}), "pool", ends=ends or not first)
                if told is None and first:
                    return False
                if told is None:
                    break
                o.samples += n
                if self.till.stopped or (first and _agree(told["pool"], n)):
                    break
        self.till.count(self)
        return True

    async def _part(self, o: _Open, model: str, plan: Plan, event: str, *, ends: bool) -> dict[str, Any] | None:
        """Buy from one model; the question keeps the answer and what it cost. None: it does not fit."""
        question = self.asked[model][o.place]
        asked = replace(plan, kind=question.kind, roles={})
        bought = await self.till.buy(question, asked, event, shop=await self._shop(model), ends=ends)
        if bought is None:
            o.stopped = self.till.stopped
            return None
        o.answer = bought[0]
        o.usd += usd(bought[0].cost_nusd)
        o.stopped = bought[0].refused or bought[0].stopped
        return bought[1]

    def answers(self) -> list[Solved]:
        """A line for each question, those without an answer too."""
        return [self._line(o) for o in self.open]

    def _line(self, o: _Open) -> Solved:
        a = o.answer
        return Solved(
            id=self.task[o.place].question.id,
            answer=None if a is None else a.answer,
            text=None if a is None else a.text,
            p_leads=None,
            share=None,
            samples=o.samples,
            cost_usd=None if o.usd != o.usd else o.usd,
            stopped=o.stopped or self.till.stopped or "interrupted",
            missing=() if a is None else a.missing,
            plan=None if a is None or o.entry is None else o.entry.name,
        )


def _agree(pool: Pool, n: int) -> bool:
    """Whether all n samples give one answer."""
    return len(pool.voters) == n and len({s.key for s in pool.voters}) == 1
