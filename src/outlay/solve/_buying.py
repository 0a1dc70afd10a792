"""Many questions under one budget by votes: what each question has, and where the next dollar goes."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec import Struct

from outlay.concurrency import together
from outlay.engine import Outlay
from outlay.errors import NoAnswer
from outlay.experiments.pilot import WHOLE_POOL
from outlay.money import NUSD, cost_nusd
from outlay.policies._next_samples import Next, next_samples
from outlay.solve._file import Solved
from outlay.solve._spec import SolveSpec
from outlay.solve._till import Till, usd, width
from outlay.stats.lead import p_leads
from outlay.types import Answer, Plan, Pool, Question, Usage

FIRST = 3
"""Samples with which a question starts, where the budget has them for all: the fewest that show a majority."""


class _Open(Struct):
    """A question that is being solved."""

    question: Question
    drawn: int = 0
    pool: Pool | None = None
    answer: Answer | None = None
    stopped: str = ""

    @property
    def votes(self) -> tuple[int, int]:
        """The votes of the two leading answers."""
        counts = Counter(s.key for s in self.pool.voters) if self.pool else Counter()
        first = [n for _, n in counts.most_common(2)] + [0, 0]
        return first[0], first[1]


class Solving:
    """The state of a run by votes on one model: everything in it follows from the samples so far.

    Args:
        questions: as they are asked.
        spec: the money and the bounds.
        shop: where the model's samples are bought.
        till: what counts the purchases.
        most: the most samples of a question.
        left_usd: what there is for all questions that hold no sample yet.
        held: how many samples a pilot drew of a question, by its place; they are in the call cache.
        least: samples with which a question starts at least, where the budget has them for all.
        plan: what the lines call this.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        spec: SolveSpec,
        shop: Outlay,
        till: Till,
        *,
        most: int,
        left_usd: float,
        held: dict[int, int],
        least: int,
        plan: str,
    ):
        self.open = [_Open(question) for question in questions]
        self.spec, self.shop, self.till = spec, shop, till
        self.most, self.left_usd, self.held, self.least, self.plan = most, left_usd, held, least, plan

    @property
    def done(self) -> int:
        """Questions with an answer."""
        return sum(o.answer is not None for o in self.open)

    async def run(self) -> None:
        """Buy until nothing is worth its price, all is settled, or the budget ends."""
        self.card = await self.shop.card()
        self.width = width(self.card)
        await self._all([(i, n) for i, n in self.held.items()])
        await self._start([i for i in range(len(self.open)) if i not in self.held])
        queue = [(-n.rate, i, n.samples) for i in range(len(self.open)) if (n := self._next(i)) is not None]
        heapq.heapify(queue)
        while queue and not self.till.stopped:
            batch = [heapq.heappop(queue) for _ in range(min(self.width, len(queue)))]
            await self._buy((i, self.open[i].drawn + more) for _, i, more in batch)
            for _, i, _ in batch:
                if (n := self._next(i)) is not None:
                    heapq.heappush(queue, (-n.rate, i, n.samples))

    async def _start(self, indices: list[int]) -> None:
        """What a pilot drew, or a sample of the first few questions, shows what one costs; then all start alike.

        They start with what there is for all. Where a worth was said, and a second look at a lone vote is not worth its
        price, one sample is all, but where a pilot showed that a vote is: then it is asked for at once, since reading
        the prompt again can cost more than the samples.
        """
        known = list(self.held) or indices[: self.width]
        if not self.held:
            await self._buy((i, 1) for i in known)
        start = self._first([self.open[i] for i in known], len(indices))
        await self._all([(i, start) for i in indices if i not in known])
        if start > 1 and not self.held:
            await self._all([(i, start) for i in known])

    def _first(self, seen: list[_Open], questions: int) -> int:
        prices = [sum(self._prices(o)) for o in seen if o.pool is not None]
        costs = [usd for usd in prices if usd]
        if not costs or not questions:
            return min(FIRST, self.most)
        alone = self._ahead(1, 0, 1, next(o for o in seen if o.pool is not None))
        afford = int(self.left_usd / (fmean(costs) * questions))
        return max(1, min(FIRST if alone is not None else self.least, afford, self.most))

    async def _all(self, wanted: list[tuple[int, int]]) -> None:
        for at in range(0, len(wanted), self.width):
            if self.till.stopped:
                return
            await self._buy(wanted[at : at + self.width])

    async def _buy(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Bring each of these questions to so many samples, all at once."""
        await together([self._bring(self.open[i], n) for i, n in wanted])

    async def _bring(self, o: _Open, n: int) -> None:
        plan = Plan(WHOLE_POOL, {"n": n}, None, o.question.kind)
        try:
            bought = await self.till.buy(o.question, plan, "pool", shop=self.shop)
        except NoAnswer as failure:
            o.stopped, o.drawn = str(failure), self.most
            return
        if bought is None:
            o.stopped = self.till.stopped
            return
        o.answer, o.pool, o.drawn = bought[0], bought[1]["pool"], n
        o.stopped = bought[0].refused
        self.till.count(self)

    def _next(self, i: int) -> Next | None:
        o = self.open[i]
        if o.stopped or o.pool is None:
            return None
        best = self._ahead(*o.votes, o.drawn, o)
        if best is None:
            o.stopped = self._why(o)
        return best

    def _ahead(self, a: int, b: int, drawn: int, o: _Open) -> Next | None:
        """The next purchase at these votes, at the prices of a question's own samples."""
        prompt_usd, sample_usd = self._prices(o)
        return next_samples(
            a,
            b,
            drawn,
            prompt_usd=prompt_usd,
            sample_usd=sample_usd,
            most=self.most - drawn,
            value_usd=self.spec.value_usd,
        )

    def _prices(self, o: _Open) -> tuple[float, float]:
        """What reading the prompt costs, and the output of a sample, at the mean of those seen."""
        assert o.pool is not None
        seen = [s.completion.usage for s in o.pool.samples if s.completion is not None]
        prompt = Usage(round(fmean(u.input_tokens for u in seen)), 0)
        return self._usd(prompt), self._usd(Usage(0, round(fmean(u.output_tokens for u in seen))))

    def _usd(self, usage: Usage) -> float:
        return 0.0 if self.card.price is None else cost_nusd(self.card.price, usage) / NUSD

    def _why(self, o: _Open) -> str:
        if o.drawn >= self.most:
            return "one sample drawn" if o.drawn == 1 else f"all {o.drawn} samples drawn"
        if self.spec.value_usd is None:
            return "the leading answer is settled"
        return "one more sample is not worth its price"

    def answers(self) -> list[Solved]:
        """A line for each question, those without an answer too."""
        return [self._line(o) for o in self.open]

    def _line(self, o: _Open) -> Solved:
        a = o.answer
        stopped = o.stopped or self.till.stopped or "interrupted"
        if a is None or o.pool is None:
            return Solved(o.question.id, None, None, None, None, 0, 0.0, stopped)
        first, second = o.votes
        return Solved(
            id=o.question.id,
            answer=a.answer,
            text=a.text,
            p_leads=max(p_leads(first, second), 0.5) if first else None,
            share=first / len(o.pool.voters) if first else None,
            samples=sum(s.completion is not None for s in o.pool.samples),
            cost_usd=None if a.cost_nusd is None else usd(a.cost_nusd),
            stopped=stopped,
            missing=a.missing,
            plan=self.plan,
        )
