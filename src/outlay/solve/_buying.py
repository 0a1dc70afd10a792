"""The state of solving many questions: what each has, and where the next dollar goes."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from msgspec import Struct

from outlay.concurrency import together
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, NoAnswer
from outlay.experiments.pilot import MAX_OUTPUT_TOKENS
from outlay.money import NUSD, cost_nusd
from outlay.policies._next_samples import Next, next_samples
from outlay.solve._file import Solved, write
from outlay.stats.lead import p_leads
from outlay.tasks import Task
from outlay.types import Answer, Plan, Pool, Question, Sampling, Usage

FIRST = 3
"""Samples with which a question starts, where the budget has them for all: the fewest that show a majority."""
EVERY = 200
"""Purchases after which the answers so far are written."""
STRATEGY = "outlay.experiments.pilot:whole_pool"
"""The vote of n samples, which also tells its pool."""


class SolveSpec(Struct, frozen=True):
    """What is solved and how; everything but the money names the run that it resumes."""

    model: str
    roles: dict[str, str] = {}
    kind: str | None = None
    verifier: str | None = None
    """What decides which answer is accepted; None: the vote does."""
    max_usd: float = 0.0
    value_usd: float | None = None
    most: int = 32
    seed: int = 0
    temperature: float | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS


Progress = Callable[[int, int, int, float], None]
"""Is told (purchases, questions with an answer, of, dollars paid)."""


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
    """The state of a run: everything in it follows from the samples so far."""

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
        """Buy until nothing is worth its price, all is settled, or the budget ends."""
        self.card = await self.shop.card()
        self.width = max(1, min(self.card.concurrency // 8, 16))
        await self._start()
        queue = [(-n.rate, i, n.samples) for i in range(len(self.open)) if (n := self._next(i)) is not None]
        heapq.heapify(queue)
        while queue and not self.stopped:
            batch = [heapq.heappop(queue) for _ in range(min(self.width, len(queue)))]
            await self._buy((i, self.open[i].drawn + more) for _, i, more in batch)
            for _, i, _ in batch:
                if (n := self._next(i)) is not None:
                    heapq.heappush(queue, (-n.rate, i, n.samples))

    async def _start(self) -> None:
        """A sample of the first few questions shows what one costs; then all start with what there is for all.

        Where a worth was said and a second look at a lone vote is not worth its price, one sample is all.
        """
        indices = list(range(len(self.open)))
        probe, rest = indices[: self.width], indices[self.width :]
        await self._buy((i, 1) for i in probe)
        start = self._first([self.open[i] for i in probe])
        for part in (rest, probe if start > 1 else []):
            for at in range(0, len(part), self.width):
                if self.stopped:
                    return
                await self._buy((i, start) for i in part[at : at + self.width])

    def _first(self, probed: list[_Open]) -> int:
        costs = [o.answer.cost_nusd / NUSD for o in probed if o.answer is not None and o.answer.cost_nusd]
        if not costs:
            return min(FIRST, self.spec.most)
        alone = self._ahead(1, 0, 1, next(o for o in probed if o.pool is not None))
        afford = int(self.spec.max_usd / (fmean(costs) * len(self.open)))
        return 1 if alone is None else max(1, min(FIRST, afford, self.spec.most))

    async def _buy(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Bring each of these questions to so many samples, all at once."""
        await together([self._bring(self.open[i], n) for i, n in wanted])

    async def _bring(self, o: _Open, n: int) -> None:
        told: list[dict[str, Any]] = []
        plan = Plan(STRATEGY, {"n": n}, None, o.question.kind)
        try:
            answer = await self.shop.buy(
                o.question, plan, listener=lambda e: told.append(e) if e["event"] == "pool" else None
            )
        except BudgetExceeded as refusal:
            if not any(other.answer for other in self.open):
                raise
            o.stopped = self.stopped = str(refusal)
            return
        except NoAnswer as failure:
            o.stopped, o.drawn = str(failure), self.spec.most
            return
        o.answer, o.pool = answer, told[0]["pool"]
        o.drawn = n
        if answer.refused:
            o.stopped = self.stopped = answer.refused
        self.purchases += 1
        if self.purchases % EVERY == 0:
            write(self.out, self.answers())
        if self.on_purchase:
            done = sum(x.answer is not None for x in self.open)
            self.on_purchase(self.purchases, done, len(self.open), self.shop.budget.settled["nusd"] / NUSD)

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
        assert o.pool is not None
        seen = [s.completion.usage for s in o.pool.samples if s.completion is not None]
        return next_samples(
            a,
            b,
            drawn,
            prompt_usd=self._usd(Usage(round(fmean(u.input_tokens for u in seen)), 0)),
            sample_usd=self._usd(Usage(0, round(fmean(u.output_tokens for u in seen)))),
            most=self.spec.most - drawn,
            value_usd=self.spec.value_usd,
        )

    def _usd(self, usage: Usage) -> float:
        return 0.0 if self.card.price is None else cost_nusd(self.card.price, usage) / NUSD

    def _why(self, o: _Open) -> str:
        if o.drawn >= self.spec.most:
            return f"all {self.spec.most} samples drawn"
        if self.spec.value_usd is None:
            return "the leading answer is settled"
        return "one more sample is not worth its price"

    def answers(self) -> list[Solved]:
        """A line for each question, those without an answer too."""
        return [self._line(o) for o in self.open]

    def _line(self, o: _Open) -> Solved:
        a = o.answer
        stopped = o.stopped or self.stopped or "interrupted"
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
            cost_usd=None if a.cost_nusd is None else a.cost_nusd / NUSD,
            stopped=stopped,
            missing=a.missing,
        )
